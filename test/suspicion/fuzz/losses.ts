import { nn, type Tensor, tensor } from "wasmgrad";
import { makeInput } from "./check.ts";
import { type CaseMaker, smaller, sourceOf } from "./operations.ts";
import { type Random, sizeOf } from "./random.ts";
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

/** A weight that broadcasts to the shape, or none; and its value for each element. */
function drawWeight(random: Random, shape: readonly number[], chance: number) {
  if (!random.chance(chance)) return { make: () => null, at: () => 1 };
  const own = smaller(random, shape);
  const values = Float32Array.from({ length: sizeOf(own) }, () => 0.2 + random.fraction());
  const from = sourceOf(shape, own);
  return { make: () => tensor(values, { shape: own }), at: (i: number) => values[from(i)] };
}

/** w ((1 - t) x + (1 + (p - 1) t) log(1 + exp(-x))). */
const logitsLoss: CaseMaker = (random, tape) => {
  const shape = random.shape(0, 3).map((n) => Math.max(n, 1));
  const reduction = random.pick(REDUCTIONS);
  const x = makeInput(tape, shape, random.normals(sizeOf(shape), random.pick([1, 10])));
  const target = makeInput(
    tape,
    shape,
    Float32Array.from(x.data, () => random.fraction()),
  );
  const [weight, posWeight] = [drawWeight(random, shape, 0.3), drawWeight(random, shape, 0.3)];
  const terms = x.nodes.map((node, i) => {
    const [v, t, w, p] = [tape.values[node], target.data[i], weight.at(i), posWeight.at(i)];
    const soft = Math.max(-v, 0) + Math.log1p(Math.exp(-Math.abs(v)));
    const sigmoid = v > 0 ? 1 / (1 + Math.exp(-v)) : Math.exp(v) / (1 + Math.exp(v));
    const slope = 1 - t - (1 + (p - 1) * t) * (1 - sigmoid);
    const term = tape.binary(
      node,
      target.nodes[i],
      w * ((1 - t) * v + (1 + (p - 1) * t) * soft),
      w * slope,
      w * ((p - 1) * soft - v),
    );
    // the two parts cancel if the prediction is right
    tape.errors[term] += w * 2 * (Math.abs(v) + 1);
    return term;
  });
  return {
    what: `binaryCrossEntropyWithLogits [${shape}] ${reduction}`,
    inputs: [x, target],
    outputs: reduced(tape, terms, reduction),
    shape: reduction === "none" ? shape : [],
    run: ([x, t]) =>
      F.binaryCrossEntropyWithLogits(x, t, { reduction, weight: weight.make(), posWeight: posWeight.make() }),
    slack: 16,
    floor: 4,
  };
};

/** -w (t log x + (1 - t) log(1 - x)). */
const binaryLoss: CaseMaker = (random, tape) => {
  const shape = random.shape(0, 3).map((n) => Math.max(n, 1));
  const reduction = random.pick(REDUCTIONS);
  const [x, target] = [0.01, 0].map((margin) =>
    makeInput(
      tape,
      shape,
      Float32Array.from({ length: sizeOf(shape) }, () => margin + (1 - 2 * margin) * random.fraction()),
    ),
  );
  const weight = drawWeight(random, shape, 0.4);
  const terms = x.nodes.map((node, i) => {
    const [t, one] = [target.nodes[i], tape.leaf(1)];
    const [left, right] = [tape.log(node), tape.log(tape.sub(one, node))];
    const sum = tape.add(tape.mul(t, left), tape.mul(tape.sub(one, t), right));
    return tape.scale(sum, -weight.at(i));
  });
  return {
    what: `binaryCrossEntropy [${shape}] ${reduction}`,
    inputs: [x, target],
    outputs: reduced(tape, terms, reduction),
    shape: reduction === "none" ? shape : [],
    run: ([x, t]) => F.binaryCrossEntropy(x, t, { reduction, weight: weight.make() }),
    slack: 8,
  };
};

/** t (log t - x), with t or its logarithm. */
const klDiv: CaseMaker = (random, tape) => {
  const shape = random.shape(1, 3).map((n) => Math.max(n, 1));
  const reduction = random.pick([...REDUCTIONS, "batchmean"] as const);
  const logTarget = random.chance(0.5);
  const x = makeInput(tape, shape, random.normals(sizeOf(shape)));
  const target = makeInput(
    tape,
    shape,
    random.normals(sizeOf(shape)).map((v) => (logTarget ? v : Math.abs(v) + 1e-3)),
  );
  const terms = x.nodes.map((node, i) => {
    const t = target.nodes[i];
    if (logTarget) return tape.mul(tape.exp(t), tape.sub(t, node));
    return tape.mul(t, tape.sub(tape.log(t), node));
  });
  const outputs =
    reduction === "batchmean" ? [tape.scale(tape.sum(terms), 1 / shape[0])] : reduced(tape, terms, reduction);
  return {
    what: `klDiv [${shape}] ${reduction} logTarget ${logTarget}`,
    inputs: [x, target],
    outputs,
    shape: reduction === "none" ? shape : [],
    run: ([x, t]) => F.klDiv(x, t, { reduction, logTarget }),
    slack: 8,
  };
};

/** crossEntropy of class indices, and nllLoss, which computes the same from log-probabilities. */
const crossEntropy: CaseMaker = (random, tape) => {
  // without a batch, the classes are the only dimension
  const single = random.chance(0.1);
  const [images, classes] = [single ? 1 : random.integer(1, 7), random.integer(2, 12)];
  const pixels = single || random.chance(0.5) ? [] : [random.integer(1, 5), ...(random.chance(0.3) ? [2] : [])];
  const inner = sizeOf(pixels);
  const shape = single ? [classes] : [images, classes, ...pixels];
  const labelShape = single ? [] : [images, ...pixels];
  const reduction = random.pick(REDUCTIONS);
  const nll = random.chance(0.3);
  const labelSmoothing = nll ? 0 : random.pick([0, 0, 0.1, 0.5]);
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
    const total = nll ? tape.leaf(0) : tape.logSumExp(row);
    const losses = row.map((node, c) => tape.scale(tape.sub(total, node), weightOf(c)));
    const spread = tape.scale(tape.sum(losses), labelSmoothing / classes);
    return tape.add(tape.scale(losses[label], 1 - labelSmoothing), spread);
  });
  const outputs = reduction === "none" ? terms : [tape.scale(tape.sum(terms), reduction === "mean" ? 1 / divisor : 1)];
  const target = () => tensor(labels, { shape: labelShape });
  const weight = (): Tensor | null => weights && tensor(weights);
  return {
    what: `${nll ? "nllLoss" : "crossEntropy"} [${shape}] ${reduction} smoothing ${labelSmoothing} ignore ${ignoreIndex} labels ${labels}`,
    inputs: [x],
    outputs,
    shape: reduction === "none" ? labelShape : [],
    run: ([x]) =>
      nll
        ? F.nllLoss(x, target(), { reduction, ignoreIndex, weight: weight() })
        : F.crossEntropy(x, target(), { reduction, labelSmoothing, ignoreIndex, weight: weight() }),
    slack: 8,
  };
};

/** crossEntropy of probabilities, which get a gradient too. */
const softCrossEntropy: CaseMaker = (random, tape) => {
  const [images, classes] = [random.integer(1, 5), random.integer(2, 8)];
  const inner = random.integer(1, 3);
  const shape = inner === 1 ? [images, classes] : [images, classes, inner];
  const reduction = random.pick(REDUCTIONS);
  const smoothing = random.pick([0, 0.1]);
  const x = makeInput(tape, shape, random.normals(sizeOf(shape)));
  const target = makeInput(
    tape,
    shape,
    Float32Array.from(x.data, () => random.fraction()),
  );
  const weights = random.chance(0.5) ? Float32Array.from({ length: classes }, () => 0.1 + random.fraction()) : null;
  const terms = Array.from({ length: images * inner }, (_, at) => {
    const first = Math.floor(at / inner) * classes * inner + (at % inner);
    const row = Array.from({ length: classes }, (_, c) => first + c * inner);
    const total = tape.logSumExp(row.map((i) => x.nodes[i]));
    const losses = row.map((i, c) => {
      const goal = tape.shift(tape.scale(target.nodes[i], 1 - smoothing), smoothing / classes);
      return tape.scale(tape.mul(goal, tape.sub(total, x.nodes[i])), weights?.[c] ?? 1);
    });
    return tape.sum(losses);
  });
  const outputs = reduced(tape, terms, reduction);
  return {
    what: `crossEntropy of probabilities [${shape}] ${reduction} smoothing ${smoothing}`,
    inputs: [x, target],
    outputs,
    shape: reduction === "none" ? shape.filter((_, d) => d !== 1) : [],
    run: ([x, t]) => F.crossEntropy(x, t, { reduction, labelSmoothing: smoothing, weight: weights && tensor(weights) }),
    slack: 8,
  };
};

export const lossCases: Record<string, { make: CaseMaker; weight: number }> = {
  pairLoss: { make: pairLoss, weight: 2 },
  logitsLoss: { make: logitsLoss, weight: 1 },
  binaryLoss: { make: binaryLoss, weight: 1 },
  klDiv: { make: klDiv, weight: 1 },
  crossEntropy: { make: crossEntropy, weight: 2 },
  softCrossEntropy: { make: softCrossEntropy, weight: 1 },
};
