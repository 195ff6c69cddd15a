import { recordOp } from "../../autograd/graph.ts";
import type { NDArray } from "../../ops/core/array.ts";
import type { Op } from "../../ops/core/op.ts";
import { Unary } from "../../ops/elementwise/unary.ts";
import { Gru } from "../../ops/recurrent/gru.ts";
import { Lstm } from "../../ops/recurrent/lstm.ts";
import { Rnn } from "../../ops/recurrent/rnn.ts";
import { wrap } from "../../tensor/apply.ts";
import { zeros } from "../../tensor/fill.ts";
import { cat, stack } from "../../tensor/functions.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type GradientRule, type SavedTensors, withRule } from "../rule.ts";

/**
 * `f(z)` with the values that the kernel saved: the result is not computed, and z needs no values, only its
 * place in the graph.
 */
function known(f: "sigmoid" | "tanh" | "relu", values: Tensor, z: Tensor): Tensor {
  const op = new Unary(f);
  op.needs = [z.requiresGrad];
  op.saved = [values.array];
  return wrap(values.array, recordOp(op, [z]));
}

/** dy through a sigmoid or a tanh with the result y. */
const throughSigmoid = (g: Tensor, y: Tensor) => g.mul(y).mul(y.neg().add(1));
const throughTanh = (g: Tensor, y: Tensor) => g.mul(y.square().neg().add(1));

/** What the layers have in common. Steps and states are those of src/ops/recurrent. */
class Layer {
  readonly steps: number;
  readonly hidden: number;
  readonly gx: Tensor;
  readonly weight: Tensor;
  readonly order: number[];
  /** The first state row in the order of computation. */
  readonly #first: number;
  readonly #lengths: Tensor | null;

  /** `rows`: the states [T+1,N,H]. */
  constructor(op: Op, node: SavedTensors, gates: number, rows: NDArray, lengths: NDArray | null | undefined) {
    const [weight] = node.arrays as [NDArray];
    this.steps = rows.shape[0] - 1;
    this.hidden = weight.shape[1];
    const { reverse } = op.attributes;
    this.order = Array.from({ length: this.steps }, (_, i) => (reverse ? this.steps - 1 - i : i));
    this.#first = op.attributes.reverse ? this.steps : 0;
    this.#lengths = lengths ? wrap(lengths) : null;
    // the values of gx were not saved; only `known` uses it
    this.gx = node.input(0, zeros([this.steps, rows.shape[1], gates * this.hidden]).array);
    this.weight = node.input(1, weight);
  }

  /** The initial state, which is input i. */
  initial(node: SavedTensors, i: number, rows: NDArray): Tensor {
    return node.input(i, wrap(rows).select(0, this.#first).array);
  }

  /** Part k of the gates of a step. */
  part(rows: Tensor, k: number): Tensor {
    return rows.narrow(1, k * this.hidden, this.hidden);
  }

  /** `x` for the samples that step t belongs to, else `other`. */
  choose(t: number, x: Tensor, other: Tensor | number): Tensor {
    return this.#lengths ? x.where(this.#lengths.gt(t).unsqueeze(1), other) : x;
  }

  /** The values that the kernel saved in step t; it saved none for samples that are over. */
  saved(array: NDArray, t: number): Tensor {
    return this.choose(t, wrap(array).select(0, t), 0);
  }

  /** The gradients of gx, one for each step, as one tensor. */
  join(gradients: readonly Tensor[]): Tensor {
    return this.steps === 0 ? this.gx.mul(0) : stack(gradients);
  }

  /** The gradient of the weight from the gradients of the products, and the states before the steps. */
  ofWeight(gradients: readonly Tensor[], before: readonly Tensor[]): Tensor {
    return this.steps === 0 ? this.weight.mul(0) : cat(gradients).t().matmul(cat(before));
  }
}

/** Runs the kernels' forward and backward steps in functions of tensors: see assembly/recurrent/gates.ts. */
const lstm: GradientRule<Lstm> = (op, dy, node) => {
  const [, gates, hRows, cRows, lengths] = node.arrays as NDArray[];
  const layer = new Layer(op, node, 4, hRows, lengths);
  const { gx, weight, steps } = layer;
  let h = layer.initial(node, 2, hRows);
  let c = layer.initial(node, 3, cRows);
  const before: Tensor[] = new Array(steps);
  const undo = layer.order.map((t) => {
    const z = gx.select(0, t).add(h.matmul(weight.t()));
    const values = layer.saved(gates, t);
    const gate = (k: number) => known(k === 2 ? "tanh" : "sigmoid", layer.part(values, k), layer.part(z, k));
    const [input, forget, cell, output] = [0, 1, 2, 3].map(gate);
    const old = c;
    const state = forget.mul(c).add(input.mul(cell));
    const bounded = state.tanh();
    before[t] = h;
    h = layer.choose(t, output.mul(bounded), h);
    c = layer.choose(t, state, c);
    return (g: Tensor, dc: Tensor): [dGates: Tensor, dc: Tensor] => {
      const dState = dc.add(throughTanh(g.mul(output), bounded));
      const dGates = [
        throughSigmoid(dState.mul(cell), input),
        throughSigmoid(dState.mul(old), forget),
        throughTanh(dState.mul(input), cell),
        throughSigmoid(g.mul(bounded), output),
      ];
      return [layer.choose(t, cat(dGates, 1), 0), layer.choose(t, dState.mul(forget), dc)];
    };
  });
  let [dh, dc] = [dy.select(0, steps), dy.select(0, steps + 1)];
  const gradients: Tensor[] = new Array(steps);
  for (let i = steps - 1; i >= 0; i--) {
    const t = layer.order[i];
    [gradients[t], dc] = undo[i](dy.select(0, t).add(dh), dc);
    dh = layer.choose(t, gradients[t].matmul(weight), dh);
  }
  const { needs } = node;
  return [layer.join(gradients), needs[1] ? layer.ofWeight(gradients, before) : null, dh, dc, null];
};

const gru: GradientRule<Gru> = (op, dy, node) => {
  const [, gates, hRows, lengths] = node.arrays as NDArray[];
  const layer = new Layer(op, node, 3, hRows, lengths);
  const { gx, weight, steps, hidden } = layer;
  const bias = node.input(3, zeros([3 * hidden]).array); // only for its place in the graph
  let h = layer.initial(node, 2, hRows);
  const before: Tensor[] = new Array(steps);
  const undo = layer.order.map((t) => {
    const hg = h.matmul(weight.t()).add(bias);
    const step = gx.select(0, t);
    const values = layer.saved(gates, t);
    const gate = (k: number) => known("sigmoid", layer.part(values, k), layer.part(step, k).add(layer.part(hg, k)));
    const [reset, update] = [gate(0), gate(1)];
    const old = wrap(layer.part(values, 3).array, layer.part(hg, 2).handle.node);
    const fresh = known("tanh", layer.part(values, 2), layer.part(step, 2).add(reset.mul(old)));
    const state = h;
    before[t] = h;
    h = layer.choose(t, update.neg().add(1).mul(fresh).add(update.mul(h)), h);
    return (g: Tensor): [dGx: Tensor, dHg: Tensor, dh: Tensor] => {
      const dFresh = throughTanh(g.mul(update.neg().add(1)), fresh);
      const dUpdate = throughSigmoid(g.mul(state.sub(fresh)), update);
      const dReset = throughSigmoid(dFresh.mul(old), reset);
      const join = (last: Tensor) => layer.choose(t, cat([dReset, dUpdate, last], 1), 0);
      return [join(dFresh), join(dFresh.mul(reset)), g.mul(update)];
    };
  });
  let dh = dy.select(0, steps);
  const [dGx, dHg]: Tensor[][] = [new Array(steps), new Array(steps)];
  for (let i = steps - 1; i >= 0; i--) {
    const t = layer.order[i];
    let direct: Tensor;
    [dGx[t], dHg[t], direct] = undo[i](dy.select(0, t).add(dh));
    dh = layer.choose(t, direct.add(dHg[t].matmul(weight)), dh);
  }
  const { needs } = node;
  const ofBias = () => (steps === 0 ? bias.mul(0) : cat(dHg).sum(0));
  return [layer.join(dGx), needs[1] ? layer.ofWeight(dHg, before) : null, dh, needs[3] ? ofBias() : null, null];
};

const rnn: GradientRule<Rnn> = (op, dy, node) => {
  const [, hRows, lengths] = node.arrays as NDArray[];
  const layer = new Layer(op, node, 1, hRows, lengths);
  const { gx, weight, steps } = layer;
  const f = op.attributes.nonlinearity as "tanh" | "relu";
  let h = layer.initial(node, 2, hRows);
  const before: Tensor[] = new Array(steps);
  const results = layer.order.map((t) => {
    const values = wrap(hRows).select(0, op.attributes.reverse ? t : t + 1);
    const y = known(f, values, gx.select(0, t).add(h.matmul(weight.t())));
    before[t] = h;
    h = layer.choose(t, y, h);
    return y;
  });
  let dh = dy.select(0, steps);
  const gradients: Tensor[] = new Array(steps);
  for (let i = steps - 1; i >= 0; i--) {
    const [t, y] = [layer.order[i], results[i]];
    const g = dy.select(0, t).add(dh);
    gradients[t] = layer.choose(t, f === "relu" ? g.where(y.gt(0), 0) : throughTanh(g, y), 0);
    dh = layer.choose(t, gradients[t].matmul(weight), dh);
  }
  return [layer.join(gradients), node.needs[1] ? layer.ofWeight(gradients, before) : null, dh, null];
};

export const LstmOp = /* @__PURE__ */ withRule(Lstm, lstm);
export const GruOp = /* @__PURE__ */ withRule(Gru, gru);
export const RnnOp = /* @__PURE__ */ withRule(Rnn, rnn);
