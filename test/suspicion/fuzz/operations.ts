import { cat, nn, scope, type Tensor, tensor } from "wasmgrad";
import { attentionCases } from "./attention.ts";
import type { Kind } from "./campaign.ts";
import { checkAgainst, type Input, makeInput } from "./check.ts";
import { choiceCases } from "./choices.ts";
import { lossCases } from "./losses.ts";
import { type Random, sizeOf } from "./random.ts";
import { rowCases } from "./rows.ts";
import { type Node, Tape } from "./tape.ts";
import { windowCases } from "./windows.ts";

/** One random call, and its expected result. */
export interface Case {
  what: string;
  inputs: Input[];
  outputs: Node[];
  shape: readonly number[];
  run: (leaves: Tensor[]) => Tensor;
  /** Factor by which the bound of a plain evaluation is multiplied. Default 4. */
  slack?: number;
  /** An allowed error of gradients, in units of the last place of 1. Default 0. */
  floor?: number;
  /** For outputs whose gradient depends on rounding: they get no gradient. */
  skip?: (output: number) => boolean;
}

export type CaseMaker = (random: Random, tape: Tape) => Case;

const values = (random: Random, count: number) => {
  const scale = random.pick([1, 1, 1, 30, 1e-3]);
  return random.normals(count, scale);
};

/** A shape that broadcasts to the given one. */
export function smaller(random: Random, shape: readonly number[]): number[] {
  const dropped = random.chance(0.3) ? random.integer(0, shape.length) : 0;
  return shape.slice(dropped).map((n) => (random.chance(0.25) ? 1 : n));
}

/** Maps each element of `shape` to the element of an input that broadcasts to it. */
export function sourceOf(shape: readonly number[], from: readonly number[]): (at: number) => number {
  const lead = shape.length - from.length;
  return (at) => {
    let source = 0;
    let stride = 1;
    for (let d = shape.length - 1; d >= 0; d--) {
      const place = at % shape[d];
      at = Math.floor(at / shape[d]);
      if (d < lead) continue;
      if (from[d - lead] !== 1) source += place * stride;
      stride *= from[d - lead];
    }
    return source;
  };
}

type Pairwise = (a: number, b: number) => [value: number, da: number, db: number];

const BINARY: Record<string, Pairwise> = {
  add: (a, b) => [a + b, 1, 1],
  sub: (a, b) => [a - b, 1, -1],
  mul: (a, b) => [a * b, b, a],
  div: (a, b) => [a / b, 1 / b, -a / (b * b)],
  maximum: (a, b) => [Math.max(a, b), a > b ? 1 : a < b ? 0 : 0.5, a < b ? 1 : a > b ? 0 : 0.5],
  minimum: (a, b) => [Math.min(a, b), a < b ? 1 : a > b ? 0 : 0.5, a > b ? 1 : a < b ? 0 : 0.5],
};

const binary: CaseMaker = (random, tape) => {
  const name = random.pick(Object.keys(BINARY));
  const full = random.shape(0, 5);
  const shapes = random.chance(0.5) ? [full, smaller(random, full)] : [smaller(random, full), full];
  const inputs = shapes.map((shape) => makeInput(tape, shape, values(random, sizeOf(shape))));
  const sources = shapes.map((shape) => sourceOf(full, shape));
  const outputs = Array.from({ length: sizeOf(full) }, (_, i) => {
    const [a, b] = inputs.map((input, k) => input.nodes[sources[k](i)]);
    return tape.binary(a, b, ...BINARY[name](tape.values[a], tape.values[b]));
  });
  const run = ([a, b]: Tensor[]) => a[name as "add"](b);
  return { what: `${name} [${shapes[0]}] [${shapes[1]}]`, inputs, outputs, shape: full, run, slack: 6 };
};

/** The error function by its series, and its complement by a continued fraction. */
export function erf(x: number): number {
  if (Math.abs(x) < 3) {
    let [sum, term] = [x, x];
    for (let n = 1; n < 80; n++) {
      term *= (-x * x) / n;
      sum += term / (2 * n + 1);
    }
    return (2 / Math.sqrt(Math.PI)) * sum;
  }
  let fraction = 0;
  for (let n = 60; n > 0; n--) fraction = n / 2 / (Math.abs(x) + fraction);
  return Math.sign(x) * (1 - Math.exp(-x * x) / Math.sqrt(Math.PI) / (Math.abs(x) + fraction));
}

const sigmoid = (x: number) => (x < 0 ? Math.exp(x) / (1 + Math.exp(x)) : 1 / (1 + Math.exp(-x)));
const gaussian = (x: number) => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
const F = nn.functional;

type Unary = {
  f: (x: number) => [value: number, derivative: number];
  run: (x: Tensor) => Tensor;
  positive?: boolean;
  /** An allowed absolute error, in units of the last place of 1. */
  absolute?: number;
};

const UNARY: Record<string, Unary> = {
  neg: { f: (x) => [-x, -1], run: (x) => x.neg() },
  abs: { f: (x) => [Math.abs(x), Math.sign(x)], run: (x) => x.abs() },
  exp: { f: (x) => [Math.exp(x), Math.exp(x)], run: (x) => x.exp() },
  log: { f: (x) => [Math.log(x), 1 / x], run: (x) => x.log(), positive: true },
  sqrt: { f: (x) => [Math.sqrt(x), 0.5 / Math.sqrt(x)], run: (x) => x.sqrt(), positive: true },
  rsqrt: { f: (x) => [x ** -0.5, -0.5 * x ** -1.5], run: (x) => x.rsqrt(), positive: true },
  reciprocal: { f: (x) => [1 / x, -1 / (x * x)], run: (x) => x.reciprocal() },
  square: { f: (x) => [x * x, 2 * x], run: (x) => x.square() },
  sin: { f: (x) => [Math.sin(x), Math.cos(x)], run: (x) => x.sin() },
  cos: { f: (x) => [Math.cos(x), -Math.sin(x)], run: (x) => x.cos() },
  erf: { f: (x) => [erf(x), (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x)], run: (x) => x.erf(), absolute: 4 },
  relu: { f: (x) => [Math.max(x, 0), x > 0 ? 1 : 0], run: (x) => x.relu() },
  sigmoid: { f: (x) => [sigmoid(x), sigmoid(x) * sigmoid(-x)], run: (x) => x.sigmoid(), absolute: 4 },
  tanh: { f: (x) => [Math.tanh(x), 1 / Math.cosh(x) ** 2], run: (x) => x.tanh(), absolute: 8 },
  silu: {
    f: (x) => [x * sigmoid(x), sigmoid(x) * (1 + x * sigmoid(-x))],
    run: (x) => F.silu(x),
    absolute: 8,
  },
  gelu: {
    f: (x) => [(x * (1 + erf(x / Math.SQRT2))) / 2, (1 + erf(x / Math.SQRT2)) / 2 + x * gaussian(x)],
    run: (x) => F.gelu(x),
    absolute: 16,
  },
  geluTanh: {
    f: (x) => {
      const t = Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3));
      const inner = Math.sqrt(2 / Math.PI) * (1 + 3 * 0.044715 * x * x);
      return [(x / 2) * (1 + t), (1 + t + x * (1 - t * t) * inner) / 2];
    },
    run: (x) => F.gelu(x, { approximate: "tanh" }),
    absolute: 16,
  },
  leakyRelu: {
    f: (x) => [x > 0 ? x : 0.01 * x, x > 0 ? 1 : 0.01],
    run: (x) => F.leakyRelu(x, { negativeSlope: 0.01 }),
  },
  leakyReluUp: {
    f: (x) => [x > 0 ? x : -2 * x, x > 0 ? 1 : -2],
    run: (x) => F.leakyRelu(x, { negativeSlope: -2 }),
  },
  eluWide: {
    f: (x) => [x > 0 ? x : 1.5 * Math.expm1(x), x > 0 ? 1 : 1.5 * Math.exp(x)],
    run: (x) => F.elu(x, { alpha: 1.5 }),
    absolute: 12,
  },
  softplusSharp: {
    f: (x) => [4 * x > 3 ? x : Math.log1p(Math.exp(4 * x)) / 4, 4 * x > 3 ? 1 : sigmoid(4 * x)],
    run: (x) => F.softplus(x, { beta: 4, threshold: 3 }),
    absolute: 8,
  },
  elu: { f: (x) => [x > 0 ? x : Math.expm1(x), x > 0 ? 1 : Math.exp(x)], run: (x) => F.elu(x), absolute: 8 },
  softplus: {
    f: (x) => [x > 20 ? x : Math.log1p(Math.exp(x)), x > 20 ? 1 : sigmoid(x)],
    run: (x) => F.softplus(x),
    absolute: 8,
  },
};

const unary: CaseMaker = (random, tape) => {
  const name = random.pick(Object.keys(UNARY));
  const { f, run, positive, absolute = 0 } = UNARY[name];
  const shape = random.shape(0, 5);
  const data = values(random, sizeOf(shape)).map((x) => (positive ? Math.abs(x) + 1e-3 : x));
  const input = makeInput(tape, shape, data);
  const outputs = input.nodes.map((node) => {
    const output = tape.unary(node, ...f(tape.values[node]));
    tape.errors[output] += absolute;
    return output;
  });
  return {
    what: `${name} [${shape}]`,
    inputs: [input],
    outputs,
    shape,
    run: ([x]) => run(x),
    slack: 8,
    floor: absolute,
  };
};

const shapeOp: CaseMaker = (random, tape) => {
  const shape = random.shape(1, 4).map((n) => Math.max(n, 1));
  const input = makeInput(tape, shape, values(random, sizeOf(shape)));
  const dim = random.integer(0, shape.length - 1);
  const n = shape[dim];
  const name = random.pick(["permute", "slice", "flip", "indexSelect", "repeat", "expand", "cat", "tril", "where"]);
  const order = shape.map((_, d) => d).sort(() => random.fraction() - 0.5);
  const start = random.integer(0, n - 1);
  const [end, step] = [random.integer(start, n), random.integer(1, 3)];
  const picked = Array.from({ length: random.integer(1, 9) }, () => random.integer(0, n - 1));
  const strides = shape.map((_, d) => sizeOf(shape.slice(d + 1)));
  const build = (outShape: number[], from: (place: number[]) => number | null) => ({
    outShape,
    nodes: Array.from({ length: sizeOf(outShape) }, (_, at) => {
      const place = outShape.map((length, d) => Math.floor(at / sizeOf(outShape.slice(d + 1))) % length);
      const source = from(place);
      return source === null ? tape.leaf(0) : input.nodes[source];
    }),
  });
  const at = (place: readonly number[]) => place.reduce((sum, p, d) => sum + p * strides[d], 0);
  const moved = (place: number[], to: number) => place.map((p, d) => (d === dim ? to : p));
  const withDim = (length: number) => shape.map((m, d) => (d === dim ? length : m));
  const make = (run: (x: Tensor) => Tensor, built: ReturnType<typeof build>): Case => ({
    what: `${name} [${shape}] dim ${dim} start ${start} end ${end} step ${step} picked ${picked} order ${order}`,
    inputs: [input],
    outputs: built.nodes.map((node) => tape.unary(node, tape.values[node], 1)),
    shape: built.outShape,
    run: ([x]) => run(x),
  });
  switch (name) {
    case "permute": {
      const outShape = order.map((d) => shape[d]);
      const back = (place: number[]) => at(shape.map((_, d) => place[order.indexOf(d)]));
      return make((x) => x.permute(order), build(outShape, back));
    }
    case "slice": {
      const length = Math.ceil((end - start) / step);
      return make(
        (x) => x.slice(dim, start, end, step),
        build(withDim(length), (p) => at(moved(p, start + p[dim] * step))),
      );
    }
    case "flip":
      return make(
        (x) => x.flip(dim - shape.length),
        build(shape, (p) => at(moved(p, n - 1 - p[dim]))),
      );
    case "indexSelect":
      return make(
        (x) => x.indexSelect(dim, tensor(Int32Array.from(picked))),
        build(withDim(picked.length), (p) => at(moved(p, picked[p[dim]]))),
      );
    case "repeat":
      return make(
        (x) => x.repeat(shape.map((_, d) => (d === dim ? 3 : 1))),
        build(withDim(3 * n), (p) => at(moved(p, p[dim] % n))),
      );
    case "expand":
      return make(
        (x) => x.unsqueeze(0).expand([2, ...shape]),
        build([2, ...shape], (p) => at(p.slice(1))),
      );
    case "cat":
      return make((x) => x.split(Math.max(1, start), dim).reduce((a, b) => cat([a, b], dim)), build(shape, at));
    case "tril": {
      const k = random.integer(-3, 3);
      if (shape.length < 2) return make((x) => x.clone(), build(shape, at));
      const [r, c] = [shape.length - 2, shape.length - 1];
      return make(
        (x) => x.tril(k),
        build(shape, (p) => (p[c] - p[r] <= k ? at(p) : null)),
      );
    }
    default: {
      const keepIt = Array.from({ length: sizeOf(shape) }, () => random.chance(0.5));
      const mask = () => tensor(Int32Array.from(keepIt, Number), { shape }).bool();
      return make(
        (x) => x.where(mask(), 0),
        build(shape, (p) => (keepIt[at(p)] ? at(p) : null)),
      );
    }
  }
};

const MAKERS: Record<string, { make: CaseMaker; weight: number }> = {
  binary: { make: binary, weight: 4 },
  unary: { make: unary, weight: 4 },
  shape: { make: shapeOp, weight: 4 },
  ...rowCases,
  ...windowCases,
  ...lossCases,
  ...choiceCases,
  ...attentionCases,
};

const total = Object.values(MAKERS).reduce((sum, { weight }) => sum + weight, 0);

function runOperation(random: Random): string {
  let at = random.fraction() * total;
  let name = "binary";
  for (const [candidate, { weight }] of Object.entries(MAKERS)) {
    name = candidate;
    if ((at -= weight) < 0) break;
  }
  const tape = new Tape();
  const drawn = MAKERS[name].make(random, tape);
  const seeds = random.normals(sizeOf(drawn.shape)).map((seed, i) => (drawn.skip?.(i) ? 0 : seed));
  const { what, inputs, outputs, shape, run, slack = 4, floor = 0 } = drawn;
  checkAgainst(what, tape, inputs, outputs, shape, run, seeds, slack, floor);
  return name;
}

export const operations: Kind = { name: "operations", run: (random) => scope(() => runOperation(random)) };
