import { nn, type Tensor, tensor } from "wasmgrad";
import type { InputSpec, OpCase, Ref } from "../case.ts";

const F = nn.functional;
type Reduction = "mean" | "sum" | "none";

const shapes = [[], [1], [3], [4], [2, 3, 5], [33], [0, 3]];
const reductions: Reduction[] = ["mean", "sum", "none"];

/** Reduces one term per element; `batch` divides a sum by the first dimension. */
function reduceTerms(terms: Float64Array, shape: number[], reduction: Reduction | "batchmean"): Ref {
  if (reduction === "none") return { shape, data: terms };
  const sum = terms.reduce((a, b) => a + b, 0);
  const divisor = reduction === "mean" ? terms.length : reduction === "batchmean" ? shape[0] : 1;
  return { shape: [], data: Float64Array.of(sum / divisor) };
}

interface Loss {
  run(x: Tensor, t: Tensor, reduction: Reduction): Tensor;
  term(x: number, t: number): number;
  input?: Partial<InputSpec>;
  target?: Partial<InputSpec>;
}

const softplus = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
const smooth = (d: number, beta: number) => (d < beta ? (d * d) / (2 * beta) : d - beta / 2);

const losses: Record<string, Loss> = {
  mseLoss: { run: (x, t, reduction) => F.mseLoss(x, t, { reduction }), term: (x, t) => (x - t) ** 2 },
  l1Loss: { run: (x, t, reduction) => F.l1Loss(x, t, { reduction }), term: (x, t) => Math.abs(x - t) },
  smoothL1Loss: {
    run: (x, t, reduction) => F.smoothL1Loss(x, t, { reduction }),
    term: (x, t) => smooth(Math.abs(x - t), 1),
  },
  "smoothL1Loss beta 0.5": {
    run: (x, t, reduction) => F.smoothL1Loss(x, t, { reduction, beta: 0.5 }),
    term: (x, t) => smooth(Math.abs(x - t), 0.5),
  },
  "smoothL1Loss beta 0": {
    run: (x, t, reduction) => F.smoothL1Loss(x, t, { reduction, beta: 0 }),
    term: (x, t) => Math.abs(x - t),
  },
  binaryCrossEntropy: {
    run: (x, t, reduction) => F.binaryCrossEntropy(x, t, { reduction }),
    term: (x, t) => -(t * Math.log(x) + (1 - t) * Math.log(1 - x)),
    input: { low: 0.05, high: 0.95 },
    target: { low: 0, high: 1 },
  },
  binaryCrossEntropyWithLogits: {
    run: (x, t, reduction) => F.binaryCrossEntropyWithLogits(x, t, { reduction }),
    term: (x, t) => t * softplus(-x) + (1 - t) * softplus(x),
    input: { low: -9, high: 9 },
    target: { low: 0, high: 1 },
  },
  "binaryCrossEntropyWithLogits posWeight 3": {
    run: (x, t, reduction) => F.binaryCrossEntropyWithLogits(x, t, { reduction, posWeight: tensor(3) }),
    term: (x, t) => 3 * t * softplus(-x) + (1 - t) * softplus(x),
    target: { low: 0, high: 1 },
  },
  klDiv: {
    run: (x, t, reduction) => F.klDiv(x, t, { reduction }),
    term: (x, t) => t * (Math.log(t) - x),
    target: { low: 0.1, high: 1 },
  },
  "klDiv logTarget": {
    run: (x, t, reduction) => F.klDiv(x, t, { reduction, logTarget: true }),
    term: (x, t) => Math.exp(t) * (t - x),
  },
};

const weighted: OpCase[] = [[4], [3, 1], [2, 1, 1], [2, 3, 4], []].map((weightShape) => ({
  name: `binaryCrossEntropyWithLogits weight [${weightShape}]`,
  inputs: [{ shape: [2, 3, 4] }, { shape: [2, 3, 4], low: 0, high: 1 }, { shape: weightShape, low: 0.5, grad: false }],
  run: (x, t, weight) => F.binaryCrossEntropyWithLogits(x, t, { weight }),
  reference: (x, t, weight) => {
    const full = [1, 1, 1, ...weight.shape].slice(-3);
    const terms = x.data.map((value, i) => {
      const index = [Math.floor(i / 12), Math.floor(i / 4) % 3, i % 4].map((at, d) => (full[d] === 1 ? 0 : at));
      const w = weight.data[(index[0] * full[1] + index[1]) * full[2] + index[2]];
      return w * (t.data[i] * softplus(-value) + (1 - t.data[i]) * softplus(value));
    });
    return reduceTerms(terms, x.shape, "mean");
  },
}));

export const pairLossCases: OpCase[] = [
  ...Object.entries(losses).flatMap(([name, { run, term, input, target }]) =>
    shapes.flatMap((shape) =>
      reductions.flatMap((reduction) =>
        [true, false].map((grad) => ({
          name: `${name} [${shape}] ${reduction}${grad ? "" : ", target without gradient"}`,
          inputs: [
            { shape, ...input },
            { shape, ...target, grad },
          ],
          run: (x: Tensor, t: Tensor) => run(x, t, reduction),
          reference: (x: Ref, t: Ref) =>
            reduceTerms(
              x.data.map((v, i) => term(v, t.data[i])),
              shape,
              reduction,
            ),
          gradTolerance: 1e-4, // BCE: 1 / (x (1 - x)) is up to 20 times the rounding of x
        })),
      ),
    ),
  ),
  {
    name: "klDiv [3,4] batchmean",
    inputs: [{ shape: [3, 4] }, { shape: [3, 4], low: 0.1, high: 1 }],
    run: (x, t) => F.klDiv(x, t, { reduction: "batchmean" }),
    reference: (x, t) =>
      reduceTerms(
        x.data.map((v, i) => t.data[i] * (Math.log(t.data[i]) - v)),
        x.shape,
        "batchmean",
      ),
  },
  ...weighted,
];
