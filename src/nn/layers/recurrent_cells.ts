import { checkBoolean, checkChoice, checkInteger, readOptions } from "../../checks.ts";
import { formatShape, OptionError, ShapeError } from "../../errors.ts";
import { expectTensor } from "../../tensor/apply.ts";
import { zeros } from "../../tensor/fill.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { GATES, type RecurrentKind, runDirection } from "../functional/recurrent.ts";
import { uniform_ } from "../init.ts";
import { emptyParameter } from "../internal/default_init.ts";
import { Module } from "../module.ts";
import type { Parameter } from "../parameter.ts";

/** Base of the cells: one step of a recurrent layer. */
abstract class RecurrentCell extends Module {
  static override readonly stateNames = {
    weightIh: "weight_ih",
    weightHh: "weight_hh",
    biasIh: "bias_ih",
    biasHh: "bias_hh",
  };
  /** [gates · hiddenSize, inputSize] */
  weightIh: Parameter;
  /** [gates · hiddenSize, hiddenSize] */
  weightHh: Parameter;
  biasIh: Parameter | null;
  biasHh: Parameter | null;
  readonly inputSize: number;
  readonly hiddenSize: number;
  readonly #kind: RecurrentKind;

  constructor(op: string, kind: RecurrentKind, inputSize: number, hiddenSize: number, bias: boolean) {
    super();
    this.#kind = kind;
    this.inputSize = checkInteger(op, "inputSize", inputSize, 1);
    this.hiddenSize = checkInteger(op, "hiddenSize", hiddenSize, 1);
    checkBoolean(op, "bias", bias);
    const gates = GATES[kind] * hiddenSize;
    this.weightIh = emptyParameter([gates, inputSize]);
    this.weightHh = emptyParameter([gates, hiddenSize]);
    this.biasIh = bias ? emptyParameter([gates]) : null;
    this.biasHh = bias ? emptyParameter([gates]) : null;
    this.resetParameters();
  }

  /** Initialises all parameters uniformly in ±1/√hiddenSize. */
  resetParameters(): void {
    const bound = 1 / Math.sqrt(this.hiddenSize);
    for (const parameter of this.parameters()) uniform_(parameter, -bound, bound);
  }

  /** One step from the given states (h, or h and c), or from zeros. */
  protected step(x: Tensor, given: readonly (Tensor | null | undefined)[]): Tensor[] {
    const op = this.constructor.name;
    expectTensor(op, "x", x);
    if ((x.dim() !== 1 && x.dim() !== 2) || x.shape.at(-1) !== this.inputSize) {
      throw new ShapeError(`${op}: expected [N,${this.inputSize}] or [${this.inputSize}], got ${formatShape(x.shape)}`);
    }
    const single = x.dim() === 1;
    const input = single ? x.unsqueeze(0) : x;
    const shape = [input.shape[0], this.hiddenSize];
    const states = given.map((state) => {
      if (state === undefined || state === null) return zeros(shape);
      expectTensor(op, "the state", state);
      const value = single && state.dim() === 1 ? state.unsqueeze(0) : state;
      if (formatShape(value.shape) === formatShape(shape)) return value;
      throw new ShapeError(`${op}: the state expected ${formatShape(shape)}, got ${formatShape(state.shape)}`);
    });
    const result = runDirection(this.#kind, input.unsqueeze(0), this, states, null, false);
    return single ? result.states.map((state) => state.squeeze(0)) : result.states;
  }

  override extraRepr(): string {
    return `${this.inputSize}, ${this.hiddenSize}${this.biasIh ? "" : ", bias=false"}`;
  }
}

/**
 * One step of an `LSTM`: `forward(x, [h, c])` returns `[h, c]`. x [N,I] or [I]. Matches `torch.nn.LSTMCell`.
 *
 * @example
 * ```ts
 * import { nn, randn } from "wasmgrad";
 * const cell = new nn.LSTMCell(4, 8);
 * let state = cell.forward(randn([2, 4]));
 * state = cell.forward(randn([2, 4]), state);
 * console.log(state[0].shape); // [2, 8]
 * ```
 */
export class LSTMCell extends RecurrentCell {
  constructor(inputSize: number, hiddenSize: number, options?: { bias?: boolean }) {
    super("LSTMCell", "LSTM", inputSize, hiddenSize, readOptions("LSTMCell", options, { bias: true }).bias);
  }

  override forward(x: Tensor, state?: readonly [Tensor, Tensor] | null): [h: Tensor, c: Tensor] {
    const given = state ?? [null, null];
    if (!Array.isArray(given) || given.length !== 2) throw new OptionError("LSTMCell: the state expected [h, c]");
    return this.step(x, given) as [Tensor, Tensor];
  }
}

/** One step of a `GRU`: `forward(x, h)` returns h. x [N,I] or [I]. Matches `torch.nn.GRUCell`. */
export class GRUCell extends RecurrentCell {
  constructor(inputSize: number, hiddenSize: number, options?: { bias?: boolean }) {
    super("GRUCell", "GRU", inputSize, hiddenSize, readOptions("GRUCell", options, { bias: true }).bias);
  }

  override forward(x: Tensor, state?: Tensor | null): Tensor {
    return this.step(x, [state])[0];
  }
}

/** One step of an `RNN`: `forward(x, h)` returns h. x [N,I] or [I]. Matches `torch.nn.RNNCell`. */
export class RNNCell extends RecurrentCell {
  constructor(inputSize: number, hiddenSize: number, options?: { bias?: boolean; nonlinearity?: "tanh" | "relu" }) {
    const defaults = { bias: true, nonlinearity: "tanh" as "tanh" | "relu" };
    const { bias, nonlinearity } = readOptions("RNNCell", options, defaults);
    checkChoice("RNNCell", "nonlinearity", nonlinearity, ["tanh", "relu"]);
    super("RNNCell", nonlinearity === "relu" ? "RNN_RELU" : "RNN_TANH", inputSize, hiddenSize, bias);
  }

  override forward(x: Tensor, state?: Tensor | null): Tensor {
    return this.step(x, [state])[0];
  }
}
