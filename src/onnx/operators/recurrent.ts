import { DataError } from "../../errors.ts";
import { elu, hardsigmoid, leakyRelu, softplus, softsign } from "../../nn/functional/index.ts";
import { runDirection } from "../../nn/functional/recurrent.ts";
import { zeros } from "../../tensor/fill.ts";
import { cat, stack } from "../../tensor/functions.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Call, NodeView, Operator, OperatorTable } from "../operator.ts";
import { range } from "./operands.ts";

type Kind = "RNN" | "GRU" | "LSTM";
type Activation = (x: Tensor) => Tensor;

/** Activations of one direction by default: of gates, of the candidate, and of the LSTM's cell. */
const DEFAULTS: Readonly<Record<Kind, readonly string[]>> = {
  RNN: ["Tanh"],
  GRU: ["Sigmoid", "Tanh"],
  LSTM: ["Sigmoid", "Tanh", "Tanh"],
};

const GATES: Readonly<Record<Kind, number>> = { RNN: 1, GRU: 3, LSTM: 4 };

/** For each of PyTorch's gates, its place among ONNX's: LSTM i f g o from i o f c, GRU r z n from z r h. */
const ORDER: Readonly<Record<Kind, readonly number[]>> = { RNN: [0], GRU: [1, 0, 2], LSTM: [0, 2, 3, 1] };

/** Activations by name in lower case, with their defaults of alpha and beta if they have them. */
const ACTIVATIONS: Readonly<
  Record<string, { alpha?: number; beta?: number; make: (a: number, b: number) => Activation }>
> = {
  relu: { make: () => (x) => x.relu() },
  tanh: { make: () => (x) => x.tanh() },
  sigmoid: { make: () => (x) => x.sigmoid() },
  softsign: { make: () => (x) => softsign(x) },
  softplus: { make: () => (x) => softplus(x) },
  affine: { alpha: 1, beta: 0, make: (a, b) => (x) => x.mul(a).add(b) },
  scaledtanh: { alpha: 1, beta: 1, make: (a, b) => (x) => x.mul(b).tanh().mul(a) },
  hardsigmoid: {
    alpha: 0.2,
    beta: 0.5,
    make: (a, b) => (x) =>
      a === Math.fround(1 / 6) && b === 0.5 ? hardsigmoid(x) : x.mul(a).add(b).clamp({ min: 0, max: 1 }),
  },
  leakyrelu: { alpha: 0.01, make: (a) => (x) => leakyRelu(x, { negativeSlope: a }) },
  thresholdedrelu: { alpha: 1, make: (a) => (x) => x.where(x.ge(a), 0) },
  elu: { alpha: 1, make: (a) => (x) => elu(x, { alpha: a }) },
};

const directionsOf = (node: NodeView) => (node.attributes.string("direction", "forward") === "bidirectional" ? 2 : 1);

const namesOf = (node: NodeView, kind: Kind): readonly string[] =>
  node.attributes.strings("activations") ?? range(directionsOf(node)).flatMap(() => DEFAULTS[kind]);

/**
 * The activations of all directions. The lists of alphas and betas are used up in the order of those that
 * have one.
 */
function activationsOf(call: Call, kind: Kind): Activation[] {
  const alphas = [...(call.attributes.floats("activation_alpha") ?? [])];
  const betas = [...(call.attributes.floats("activation_beta") ?? [])];
  const clip = call.attributes.float("clip", 0);
  return namesOf(call, kind).map((name) => {
    const { alpha, beta, make } = ACTIVATIONS[name.toLowerCase()];
    const a = alpha === undefined ? 0 : (alphas.shift() ?? alpha);
    const b = beta === undefined ? 0 : (betas.shift() ?? beta);
    const f = make(a, b);
    return clip > 0 ? (x: Tensor) => f(x.clamp({ min: -clip, max: clip })) : f;
  });
}

/** The weights and states of one direction. */
interface Direction {
  /** [gates H, I] */
  input: Tensor;
  /** [gates H, H] */
  recurrent: Tensor;
  /** [2 gates H]: of the input, then of the state. */
  bias: Tensor | null;
  /** [3 H], the LSTM's weights of the cell in the gates i, o and f. */
  peepholes: Tensor | null;
  hidden: Tensor;
  cell: Tensor;
  reverse: boolean;
}

interface Result {
  /** [T,N,H] */
  output: Tensor;
  hidden: Tensor;
  cell: Tensor;
}

/** Puts gates into PyTorch's order. */
function reorder(x: Tensor, kind: Kind, size: number): Tensor {
  return kind === "RNN" ? x : cat(ORDER[kind].map((gate) => x.narrow(0, gate * size, size)));
}

/** Whether the library's kernels compute the node. */
function hasKernel(call: Call, kind: Kind): boolean {
  const { attributes } = call;
  const plain = namesOf(call, kind).every((name, i) => name === DEFAULTS[kind][i % DEFAULTS[kind].length]);
  if (!plain || attributes.float("clip", 0) > 0) return false;
  if (kind === "GRU") return attributes.flag("linear_before_reset", false);
  return kind === "RNN" || (!call.hasInput(7) && !attributes.flag("input_forget", false));
}

function runKernel(kind: Kind, x: Tensor, d: Direction, lengths: Tensor | null): Result {
  const size = d.hidden.shape[1];
  const half = GATES[kind] * size;
  const weights = {
    weightIh: reorder(d.input, kind, size),
    weightHh: reorder(d.recurrent, kind, size),
    biasIh: d.bias && reorder(d.bias.narrow(0, 0, half), kind, size),
    biasHh: d.bias && reorder(d.bias.narrow(0, half, half), kind, size),
  };
  const states = kind === "LSTM" ? [d.hidden, d.cell] : [d.hidden];
  const { output, states: last } = runDirection(
    kind === "RNN" ? "RNN_TANH" : kind,
    x,
    weights,
    states,
    lengths,
    d.reverse,
  );
  return { output, hidden: last[0], cell: last[1] ?? last[0] };
}

type Step = (gates: Tensor, hidden: Tensor, cell: Tensor) => [hidden: Tensor, cell: Tensor];

/** One step of each kind; `gates` are the products of the input, with its bias. */
function stepOf(call: Call, kind: Kind, d: Direction, activations: readonly Activation[]): Step {
  const [f, g, h] = activations;
  const size = d.hidden.shape[1];
  const recurrent = d.recurrent.t();
  const half = GATES[kind] * size;
  const bias = d.bias?.narrow(0, half, half) ?? zeros([half]);
  if (kind === "RNN") {
    return (gates, hidden, cell) => [f(gates.add(hidden.matmul(recurrent)).add(bias)), cell];
  }
  if (kind === "GRU") {
    const late = call.attributes.flag("linear_before_reset", false);
    const [weightZR, weightH] = recurrent.split([2 * size, size], 1);
    const [biasZR, biasH] = bias.split([2 * size, size]);
    return (gates, hidden, cell) => {
      const [ofZR, ofH] = gates.split([2 * size, size], 1);
      const [z, r] = f(ofZR.add(hidden.matmul(weightZR)).add(biasZR)).chunk(2, 1);
      const state = late ? r.mul(hidden.matmul(weightH).add(biasH)) : r.mul(hidden).matmul(weightH).add(biasH);
      const candidate = g(ofH.add(state));
      return [candidate.add(z.mul(hidden.sub(candidate))), cell];
    };
  }
  const coupled = call.attributes.flag("input_forget", false);
  const [peepI, peepO, peepF] = d.peepholes?.chunk(3) ?? [];
  const look = (gate: Tensor, weight: Tensor | undefined, cell: Tensor) =>
    f(weight ? gate.add(weight.mul(cell)) : gate);
  return (gates, hidden, cell) => {
    const [ofI, ofO, ofF, ofC] = gates.add(hidden.matmul(recurrent)).add(bias).chunk(4, 1);
    const i = look(ofI, peepI, cell);
    const forget = coupled ? i.neg().add(1) : look(ofF, peepF, cell);
    const next = forget.mul(cell).add(i.mul(g(ofC)));
    return [look(ofO, peepO, next).mul(h(next)), next];
  };
}

/** Runs a direction step by step; where a sequence has ended, its state stays and its output is 0. */
function runSteps(x: Tensor, d: Direction, lengths: Tensor | null, step: Step): Result {
  const half = d.input.shape[0];
  const products = x.matmul(d.input.t());
  const gates = d.bias ? products.add(d.bias.narrow(0, 0, half)) : products;
  const steps = x.shape[0];
  let { hidden, cell } = d;
  const outputs: Tensor[] = [];
  for (const t of d.reverse ? range(steps).reverse() : range(steps)) {
    const [nextHidden, nextCell] = step(gates.select(0, t), hidden, cell);
    if (lengths) {
      const runs = lengths.gt(t).unsqueeze(1);
      hidden = nextHidden.where(runs, hidden);
      cell = nextCell.where(runs, cell);
      outputs[t] = nextHidden.where(runs, 0);
    } else {
      hidden = nextHidden;
      cell = nextCell;
      outputs[t] = nextHidden;
    }
  }
  return { output: stack(outputs), hidden, cell };
}

function recurrentLayer(call: Call, kind: Kind): Tensor[] {
  const batchFirst = call.attributes.flag("layout", false);
  const turned = (x: Tensor) => (batchFirst ? x.transpose(0, 1) : x);
  const x = turned(call.float(0));
  const [input, recurrent, bias] = [call.float(1), call.float(2), call.optionalTensor(3)];
  const [steps, batch] = x.shape;
  const size = recurrent.shape[2];
  const ends = call.optionalInts(4);
  const lengths = ends?.some((end) => end !== steps) ? call.tensor(4) : null;
  if (steps === 0) throw new DataError(`${call.opType} ${call.name}: expected at least one step`);
  const state = (i: number, d: number) => {
    const given = call.optionalTensor(i);
    return given ? turned(given).select(0, d) : zeros([batch, size]);
  };
  const activations = activationsOf(call, kind);
  const each = DEFAULTS[kind].length;
  const results = range(directionsOf(call)).map((d) => {
    const direction: Direction = {
      input: input.select(0, d),
      recurrent: recurrent.select(0, d),
      bias: bias?.select(0, d) ?? null,
      peepholes: (kind === "LSTM" && call.optionalTensor(7)?.select(0, d)) || null,
      hidden: state(5, d),
      cell: state(6, d),
      reverse: d === 1 || call.attributes.string("direction", "forward") === "reverse",
    };
    if (hasKernel(call, kind)) return runKernel(kind, x, direction, lengths);
    const own = activations.slice(d * each, (d + 1) * each);
    return runSteps(x, direction, lengths, stepOf(call, kind, direction, own));
  });
  const last = (name: "hidden" | "cell") => turned(stack(results.map((result) => result[name])));
  const output = stack(
    results.map((result) => result.output),
    1,
  );
  return [
    batchFirst ? output.permute([2, 0, 1, 3]) : output,
    last("hidden"),
    ...(kind === "LSTM" ? [last("cell")] : []),
  ];
}

/** Why a node is refused: an unknown direction, activation or number of activations. */
function refuse(node: NodeView, kind: Kind): string | null {
  const direction = node.attributes.string("direction", "forward");
  if (!["forward", "reverse", "bidirectional"].includes(direction)) return `direction ${direction}`;
  const names = namesOf(node, kind);
  const unknown = names.find((name) => !Object.hasOwn(ACTIVATIONS, name.toLowerCase()));
  if (unknown !== undefined) return `activation ${unknown}`;
  const expected = directionsOf(node) * DEFAULTS[kind].length;
  return names.length === expected ? null : `${names.length} activations, expected ${expected}`;
}

const ATTRIBUTES = ["activation_alpha", "activation_beta", "activations", "clip", "direction", "hidden_size", "layout"];

const layer = (kind: Kind, more: readonly string[], peepholes: readonly number[] = []): Operator => ({
  attributes: [...ATTRIBUTES, ...more],
  weights: { all: [1, 2, 3, ...peepholes] },
  refuse: (node) => refuse(node, kind),
  run: (call) => recurrentLayer(call, kind),
});

/** Recurrent layers. */
export const RECURRENT: OperatorTable = {
  RNN: layer("RNN", []),
  GRU: layer("GRU", ["linear_before_reset"]),
  LSTM: layer("LSTM", ["input_forget"], [7]),
};
