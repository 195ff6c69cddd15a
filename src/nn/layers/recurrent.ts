import { checkBoolean, checkChoice, checkInteger, checkNumber, readOptions } from "../../checks.ts";
import { DTypeError, formatShape, OptionError, ShapeError } from "../../errors.ts";
import { expectTensor } from "../../tensor/apply.ts";
import { tensor } from "../../tensor/creation.ts";
import { zeros } from "../../tensor/fill.ts";
import { cat, stack } from "../../tensor/functions.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { dropout } from "../functional/dropout.ts";
import { GATES, type GateWeights, type RecurrentKind, runDirection } from "../functional/recurrent.ts";
import { uniform_ } from "../init.ts";
import { emptyParameter } from "../internal/default_init.ts";
import { Module } from "../module.ts";
import type { Parameter } from "../parameter.ts";

export interface RecurrentOptions {
  /** Number of layers; each takes the outputs of the one before. Default 1. */
  numLayers?: number;
  /** Whether there are bias vectors. Default true. */
  bias?: boolean;
  /** Whether the first dimension of inputs and outputs is the sample, not the step. Default false. */
  batchFirst?: boolean;
  /** Probability of dropping an output of every layer but the last, in training. Default 0. */
  dropout?: number;
  /** Whether a second set of weights reads the sequence backwards. Default false. */
  bidirectional?: boolean;
}

export interface RNNOptions extends RecurrentOptions {
  /** "tanh" (the default) or "relu". */
  nonlinearity?: "tanh" | "relu";
}

export interface SequenceOptions {
  /**
   * The samples' numbers of steps [N] (int32, or an array), for sequences that were padded to one length.
   * Beyond its length, a sample's outputs are 0 and its state stays. Default: all have the same length. This
   * replaces PyTorch's `pack_padded_sequence`; samples need not be sorted.
   */
  lengths?: Tensor | readonly number[] | null;
}

const DEFAULTS: Required<RecurrentOptions> = {
  numLayers: 1,
  bias: true,
  batchFirst: false,
  dropout: 0,
  bidirectional: false,
};

/**
 * Base of the recurrent layers. Parameters are named as in PyTorch: `weight_ih_l0`, `weight_hh_l0_reverse` …
 */
abstract class Recurrent extends Module {
  readonly inputSize: number;
  readonly hiddenSize: number;
  readonly options: Readonly<Required<RecurrentOptions>>;
  readonly #kind: RecurrentKind;

  constructor(
    op: string,
    kind: RecurrentKind,
    inputSize: number,
    hiddenSize: number,
    options: RecurrentOptions | undefined,
  ) {
    super();
    this.#kind = kind;
    this.inputSize = checkInteger(op, "inputSize", inputSize, 1);
    this.hiddenSize = checkInteger(op, "hiddenSize", hiddenSize, 1);
    this.options = { ...readOptions(op, options, DEFAULTS) };
    const { numLayers, bias, bidirectional } = this.options;
    checkInteger(op, "numLayers", numLayers, 1);
    checkNumber(op, "dropout", this.options.dropout, 0, 1);
    for (const name of ["bias", "batchFirst", "bidirectional"] as const) checkBoolean(op, name, this.options[name]);
    const gates = GATES[kind] * hiddenSize;
    const fields = this as unknown as Record<string, Parameter>;
    for (let layer = 0; layer < numLayers; layer++) {
      const width = layer === 0 ? inputSize : hiddenSize * (bidirectional ? 2 : 1);
      for (const suffix of this.#suffixes(layer)) {
        fields[`weight_ih_${suffix}`] = emptyParameter([gates, width]);
        fields[`weight_hh_${suffix}`] = emptyParameter([gates, hiddenSize]);
        if (!bias) continue;
        fields[`bias_ih_${suffix}`] = emptyParameter([gates]);
        fields[`bias_hh_${suffix}`] = emptyParameter([gates]);
      }
    }
    this.resetParameters();
  }

  /** Initialises all parameters uniformly in ±1/√hiddenSize. */
  resetParameters(): void {
    const bound = 1 / Math.sqrt(this.hiddenSize);
    for (const parameter of this.parameters()) uniform_(parameter, -bound, bound);
  }

  #suffixes(layer: number): string[] {
    return this.options.bidirectional ? [`l${layer}`, `l${layer}_reverse`] : [`l${layer}`];
  }

  /** The parameters of a layer (from 0) in one direction. */
  weights(layer: number, direction: "forward" | "reverse" = "forward"): GateWeights {
    const suffix = direction === "reverse" ? `l${layer}_reverse` : `l${layer}`;
    const fields = this as unknown as Record<string, Parameter | undefined>;
    const weightIh = fields[`weight_ih_${suffix}`];
    const weightHh = fields[`weight_hh_${suffix}`];
    if (!weightIh || !weightHh) throw new OptionError(`${this.constructor.name}: there are no weights ${suffix}`);
    const [biasIh, biasHh] = [fields[`bias_ih_${suffix}`] ?? null, fields[`bias_hh_${suffix}`] ?? null];
    return { weightIh, weightHh, biasIh, biasHh };
  }

  /** Runs all layers. `given`: the initial states (h, or h and c), or undefined for zeros. */
  protected run(x: Tensor, given: readonly (Tensor | null | undefined)[], options: SequenceOptions | undefined) {
    const op = this.constructor.name;
    const { lengths } = readOptions<Required<SequenceOptions>>(op, options, { lengths: null });
    const { numLayers, batchFirst, bidirectional } = this.options;
    expectTensor(op, "x", x);
    const single = x.dim() === 2;
    if ((x.dim() !== 2 && x.dim() !== 3) || x.shape.at(-1) !== this.inputSize) {
      const axes = batchFirst ? "N,L" : "L,N";
      const expected = `[${axes},${this.inputSize}] or [L,${this.inputSize}]`;
      throw new ShapeError(`${op}: expected ${expected}, got ${formatShape(x.shape)}`);
    }
    let y = single ? x.unsqueeze(1) : batchFirst ? x.transpose(0, 1) : x;
    const [steps, batch] = y.shape;
    const directions = bidirectional ? 2 : 1;
    const shape = [numLayers * directions, batch, this.hiddenSize];
    const states = given.map((state) => {
      if (state === undefined || state === null) return zeros(shape);
      expectTensor(op, "the initial state", state);
      const value = single && state.dim() === 2 ? state.unsqueeze(1) : state;
      if (formatShape(value.shape) === formatShape(shape)) return value;
      throw new ShapeError(`${op}: the initial state expected ${formatShape(shape)}, got ${formatShape(state.shape)}`);
    });
    const counts = readLengths(op, lengths, steps, batch);
    const last: Tensor[][] = states.map(() => []);
    for (let layer = 0; layer < numLayers; layer++) {
      const outputs: Tensor[] = [];
      for (let d = 0; d < directions; d++) {
        const initial = states.map((state) => state.select(0, layer * directions + d));
        const weights = this.weights(layer, d === 1 ? "reverse" : "forward");
        const result = runDirection(this.#kind, y, weights, initial, counts, d === 1);
        outputs.push(result.output);
        result.states.forEach((state, i) => {
          last[i].push(state);
        });
      }
      y = directions === 2 ? cat(outputs, 2) : outputs[0];
      if (layer < numLayers - 1) y = dropout(y, { p: this.options.dropout, training: this.training });
    }
    const output = single ? y.squeeze(1) : batchFirst ? y.transpose(0, 1) : y;
    return { output, states: last.map((list) => (single ? stack(list).squeeze(1) : stack(list))) };
  }

  override extraRepr(): string {
    const given = Object.entries(this.options).filter(([name, value]) => value !== DEFAULTS[name as "bias"]);
    const options = given.map(([name, value]) => `, ${name}=${value}`).join("");
    return `${this.inputSize}, ${this.hiddenSize}${options}`;
  }
}

function readLengths(
  op: string,
  lengths: Tensor | readonly number[] | null,
  steps: number,
  batch: number,
): Tensor | null {
  if (lengths === null) return null;
  if (lengths instanceof Tensor) {
    if (lengths.dtype === "int32") return lengths;
    throw new DTypeError(`${op}: lengths expected int32, got ${lengths.dtype}`);
  }
  if (!Array.isArray(lengths) || lengths.length !== batch) {
    throw new OptionError(`${op}: lengths expected ${batch} integers, one for each sample`);
  }
  for (const [i, length] of lengths.entries()) checkInteger(op, `lengths[${i}]`, length, 0, steps);
  return tensor([...lengths], { dtype: "int32" });
}

/**
 * Long short-term memory. For each step: `i, f, g, o` are the gates of `W_ih x + b_ih + W_hh h + b_hh`;
 * `c = σ(f) c + σ(i) tanh(g)`; `h = σ(o) tanh(c)`. Matches `torch.nn.LSTM`, without `proj_size`.
 *
 * `forward(x, [h0, c0], { lengths })` takes x [L,N,I] (or [N,L,I] with `batchFirst`, or [L,I]) and returns
 * `[output, [h, c]]`: outputs [L,N,D·H], states [layers·D,N,H] (D directions). Initial states default to
 * zeros.
 *
 * @param options `numLayers` 1, `bias` true, `batchFirst` false, `dropout` 0, `bidirectional` false
 * @throws ShapeError, OptionError
 * see: Hochreiter & Schmidhuber, Long short-term memory, 1997
 * @example
 * ```ts
 * import { nn, randn } from "wasmgrad";
 * const lstm = new nn.LSTM(10, 20, { numLayers: 2, batchFirst: true });
 * const [output, [h, c]] = lstm.forward(randn([3, 5, 10]), undefined, { lengths: [5, 2, 4] });
 * console.log(output.shape, h.shape, c.shape); // [3, 5, 20] [2, 3, 20] [2, 3, 20]
 * ```
 */
export class LSTM extends Recurrent {
  constructor(inputSize: number, hiddenSize: number, options?: RecurrentOptions) {
    super("LSTM", "LSTM", inputSize, hiddenSize, options);
  }

  override forward(
    x: Tensor,
    state?: readonly [Tensor, Tensor] | null,
    options?: SequenceOptions,
  ): [output: Tensor, state: [h: Tensor, c: Tensor]] {
    const given = state ?? [null, null];
    if (!Array.isArray(given) || given.length !== 2) throw new OptionError("LSTM: the state expected [h, c]");
    const { output, states } = this.run(x, given, options);
    return [output, states as [Tensor, Tensor]];
  }
}

/**
 * Gated recurrent unit. For each step, with the three gates of `W_ih x + b_ih` and of `W_hh h + b_hh`:
 * `r` and `z` are sigmoids of sums, `n = tanh(xₙ + r hₙ)`, `h = (1 − z) n + z h`. Matches `torch.nn.GRU`.
 *
 * `forward(x, h0, { lengths })` returns `[output, h]`; shapes and options as in `LSTM`.
 *
 * @throws ShapeError, OptionError
 * see: Cho et al., Learning phrase representations using RNN encoder-decoder, 2014
 * @example
 * ```ts
 * import { nn, randn } from "wasmgrad";
 * const gru = new nn.GRU(10, 20, { bidirectional: true });
 * const [output, h] = gru.forward(randn([5, 3, 10]));
 * console.log(output.shape, h.shape); // [5, 3, 40] [2, 3, 20]
 * ```
 */
export class GRU extends Recurrent {
  constructor(inputSize: number, hiddenSize: number, options?: RecurrentOptions) {
    super("GRU", "GRU", inputSize, hiddenSize, options);
  }

  override forward(x: Tensor, state?: Tensor | null, options?: SequenceOptions): [output: Tensor, state: Tensor] {
    const { output, states } = this.run(x, [state], options);
    return [output, states[0]];
  }
}

/**
 * Plain recurrent layer: `h = tanh(W_ih x + b_ih + W_hh h + b_hh)` for each step. Matches `torch.nn.RNN`.
 *
 * `forward(x, h0, { lengths })` returns `[output, h]`; shapes and options as in `LSTM`, and `nonlinearity`
 * ("tanh" or "relu").
 *
 * @throws ShapeError, OptionError
 * @example
 * ```ts
 * import { nn, randn } from "wasmgrad";
 * const [output, h] = new nn.RNN(10, 20, { nonlinearity: "relu" }).forward(randn([5, 3, 10]));
 * console.log(output.shape, h.shape); // [5, 3, 20] [1, 3, 20]
 * ```
 */
export class RNN extends Recurrent {
  constructor(inputSize: number, hiddenSize: number, options?: RNNOptions) {
    const defaults: Required<RNNOptions> = { ...DEFAULTS, nonlinearity: "tanh" };
    const { nonlinearity, ...others } = readOptions("RNN", options, defaults);
    checkChoice("RNN", "nonlinearity", nonlinearity, ["tanh", "relu"]);
    super("RNN", nonlinearity === "relu" ? "RNN_RELU" : "RNN_TANH", inputSize, hiddenSize, others);
  }

  override forward(x: Tensor, state?: Tensor | null, options?: SequenceOptions): [output: Tensor, state: Tensor] {
    const { output, states } = this.run(x, [state], options);
    return [output, states[0]];
  }
}
