import { nn, type Tensor, tensor } from "wasmgrad";
import { makeInput } from "./check.ts";
import type { CaseMaker } from "./operations.ts";
import { sizeOf } from "./random.ts";
import type { Node, Tape } from "./tape.ts";

const F = nn.functional;
type Reduction = "mean" | "sum" | "none";
const REDUCTIONS: readonly Reduction[] = ["mean", "sum", "none"];

function reduced(tape: Tape, terms: Node[], reduction: Reduction): Node[] {
  if (reduction === "none") return terms;
  return [reduction === "sum" ? tape.sum(terms) : tape.mean(terms)];
}

/** Absolute value, and Huber's with beta. */
function absolute(tape: Tape, x: Node, beta: number): Node {
  const value = tape.values[x];
  if (Math.abs(value) < beta) return tape.unary(x, (0.5 * value * value) / beta, value / beta);
  return tape.unary(x, Math.abs(value) - 0.5 * beta, Math.sign(value));
}

const pairLoss: CaseMaker = (random, tape) => {
  const shape = random.shape(0, 4).map((n) => Math.max(n, 1));
  const reduction = random.pick(REDUCTIONS);
  const name = random.pick(["mseLoss", "l1Loss", "smoothL1Loss"] as const);
  const beta = random.pick([0.5, 1, 3]);
  const [a, b] = [0, 1].map(() => makeInput(tape, shape, random.normals(sizeOf(shape), random.pick([1, 30]))));
  const terms = a.nodes.map((node, i) => {
    const difference = tape.sub(node, b.nodes[i]);
    if (name === "mseLoss") return tape.mul(difference, difference);
    return absolute(tape, difference, name === "l1Loss" ? 0 : beta);
  });
  return {
    what: `${name} [${shape}] ${reduction} beta ${beta}`,
    inputs: [a, b],
    outputs: reduced(tape, terms, reduction),
    shape: reduction === "none" ? shape : [],
    run: ([x, y]) => F[name](x, y, name === "smoothL1Loss" ? { reduction, beta } : { reduction }),
  };
};

/** -(y log s(x) + (1 - y) log(1 - s(x))) = max(x, 0) - x y + log(1 + exp(-|x|)). */
const logitsLoss: CaseMaker = (random, tape) => {
  const shape = random.shape(0, 3).map((n) => Math.max(n, 1));
  const reduction = random.pick(REDUCTIONS);
  const x = makeInput(tape, shape, random.normals(sizeOf(shape), random.pick([1, 10])));
  const target = Float32Array.from(x.data, () => random.fraction());
  const terms = x.nodes.map((node, i) => {
    const v = tape.values[node];
    const slope = (v > 0 ? 1 / (1 + Math.exp(-v)) : Math.exp(v) / (1 + Math.exp(v))) - target[i];
    const term = tape.unary(node, Math.max(v, 0) - v * target[i] + Math.log1p(Math.exp(-Math.abs(v))), slope);
    tape.errors[term] += Math.abs(v) + 1;
    return term;
  });
  return {
    what: `binaryCrossEntropyWithLogits [${shape}] ${reduction}`,
    inputs: [x],
    outputs: reduced(tape, terms, reduction),
    shape: reduction === "none" ? shape : [],
    run: ([x]) => F.binaryCrossEntropyWithLogits(x, tensor(target, { shape: [...shape] }), { reduction }),
    slack: 16,
    floor: 4,
  };
};

const crossEntropy: CaseMaker = (random, tape) => {
  const [images, classes] = [random.integer(1, 7), random.integer(2, 12)];
  const pixels = random.chance(0.5) ? [] : [random.integer(1, 5)];
  const inner = sizeOf(pixels);
  const shape = [images, classes, ...pixels];
  const reduction = random.pick(REDUCTIONS);
  const labelSmoothing = random.pick([0, 0, 0.1, 0.5]);
  const ignoreIndex = random.pick([-100, 1]);
  const x = makeInput(tape, shape, random.normals(sizeOf(shape), random.pick([1, 10])));
  const labels = Int32Array.from({ length: images * inner }, () => random.integer(0, classes - 1));
  labels[0] = 0; // at least one counts
  const weights = random.chance(0.5) ? Float32Array.from({ length: classes }, () => 0.1 + random.fraction()) : null;
  const weightOf = (c: number) => weights?.[c] ?? 1;
  let divisor = 0;
  const terms = Array.from(labels, (label, at) => {
    if (label === ignoreIndex) return tape.leaf(0);
    divisor += weightOf(label);
    const first = Math.floor(at / inner) * classes * inner + (at % inner);
    const row = Array.from({ length: classes }, (_, c) => x.nodes[first + c * inner]);
    const total = tape.logSumExp(row);
    const losses = row.map((node, c) => tape.scale(tape.sub(total, node), weightOf(c)));
    const spread = tape.scale(tape.sum(losses), labelSmoothing / classes);
    return tape.add(tape.scale(losses[label], 1 - labelSmoothing), spread);
  });
  const outputs = reduction === "none" ? terms : [tape.scale(tape.sum(terms), reduction === "mean" ? 1 / divisor : 1)];
  const target = () => tensor(labels, { shape: [images, ...pixels] });
  const weight = (): Tensor | null => weights && tensor(weights);
  return {
    what: `crossEntropy [${shape}] ${reduction} smoothing ${labelSmoothing} ignore ${ignoreIndex} labels ${labels}`,
    inputs: [x],
    outputs,
    shape: reduction === "none" ? [images, ...pixels] : [],
    run: ([x]) => F.crossEntropy(x, target(), { reduction, labelSmoothing, ignoreIndex, weight: weight() }),
    slack: 8,
  };
};

export const lossCases: Record<string, { make: CaseMaker; weight: number }> = {
  pairLoss: { make: pairLoss, weight: 2 },
  logitsLoss: { make: logitsLoss, weight: 1 },
  crossEntropy: { make: crossEntropy, weight: 2 },
};
