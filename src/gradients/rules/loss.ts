import type { NDArray } from "../../ops/core/array.ts";
import { Softplus } from "../../ops/elementwise/unary.ts";
import { CrossEntropy, type CrossEntropyOptions } from "../../ops/loss/cross_entropy.ts";
import { PairLoss } from "../../ops/loss/pairwise.ts";
import { CausalSoftmax, LogSoftmax, Softmax } from "../../ops/loss/softmax.ts";
import { withFrame } from "../../runtime/frame.ts";
import { apply } from "../../tensor/apply.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type GradientRule, linear, pullback, type RuleEntry, withRule } from "../rule.ts";

/** dx = y (dy - Σ dy y) */
const softmax: GradientRule<Softmax | CausalSoftmax> = (op, dy, node) => {
  const y = node.output(0);
  const sum = dy.mul(y).sum((op.attributes.dim as number | undefined) ?? -1, { keepdim: true });
  return [y.mul(dy.sub(sum))];
};

/** dx = dy - e^y Σ dy */
const logSoftmax: GradientRule<LogSoftmax> = (op, dy, node) => {
  const sum = dy.sum(op.attributes.dim as number, { keepdim: true });
  return [dy.sub(node.output(0).exp().mul(sum))];
};

/**
 * The loss is linear in the logarithms of the probabilities, as nllLoss. So the gradient first goes through
 * nllLoss, then through the softmax.
 */
const crossEntropy: GradientRule<CrossEntropy> = (op, dy, node) => {
  const [x, target, weight] = node.arrays as [NDArray, NDArray, NDArray | null];
  const nll = new CrossEntropy("nllLoss", op.attributes as unknown as CrossEntropyOptions);
  nll.needs = [true, false, false];
  const saved = op.name === "nllLoss" ? node.arrays : [x, target, weight, null, null, node.arrays[5]];
  const transpose = (g: NDArray) =>
    new CrossEntropy("nllLoss", op.attributes as unknown as CrossEntropyOptions).forward(g, target, weight);
  const d = linear(op, dy, pullback(withShapeOf(nll, x, target, weight), 0, saved), transpose, saved);
  if (op.name === "nllLoss") return [d, null, null];
  const dim = x.shape.length === 1 ? 0 : 1;
  return [
    d.sub(
      node
        .input(0)
        .softmax(dim)
        .mul(d.sum(dim, { keepdim: true })),
    ),
    null,
    null,
  ];
};

/** The op after a forward pass, in which it learns the shapes. */
function withShapeOf(op: CrossEntropy, x: NDArray, target: NDArray, weight: NDArray | null): CrossEntropy {
  withFrame(() => op.forward(x, target, weight));
  return op;
}

/** d term / dx and d term / dt, as in assembly/loss/pairwise.ts. */
type Slopes = (x: Tensor, t: Tensor, positive: Tensor | null, op: PairLoss) => [() => Tensor, () => Tensor];

const symmetric =
  (slope: (distance: Tensor, op: PairLoss) => Tensor): Slopes =>
  (x, t, _positive, op) => [() => slope(x.sub(t), op), () => slope(x.sub(t), op).neg()];

const rest = (x: Tensor) => x.neg().add(1);
const boundedLog = (x: Tensor) => x.log().clamp({ min: -100 });

const SLOPES: Record<string, Slopes> = {
  mseLoss: symmetric((d) => d.mul(2)),
  l1Loss: symmetric((d) => d.sign()),
  smoothL1Loss: symmetric((d, op) => {
    const beta = op.attributes.beta as number;
    return beta === 0 ? d.sign() : d.div(beta).clamp({ min: -1, max: 1 });
  }),
  binaryCrossEntropy: (x, t) => [
    () => x.sub(t).div(x.mul(rest(x)).clamp({ min: 1e-12 })),
    () => boundedLog(rest(x)).sub(boundedLog(x)),
  ],
  binaryCrossEntropyWithLogits: (x, t, positive) => {
    const yes = positive ? positive.mul(t) : t;
    return [
      () => yes.add(rest(t)).mul(x.sigmoid()).sub(yes),
      () => (positive ? positive.sub(1).mul(apply(new Softplus(), x.neg())).sub(x) : x.neg()),
    ];
  },
  klDiv: (x, t, _positive, op) => {
    if (op.attributes.logTarget) return [() => t.exp().neg(), () => t.exp().mul(t.sub(x).add(1))];
    const none = t.eq(0);
    const one = t.mul(0).add(1);
    return [() => t.neg(), () => t.mul(0).where(none, one.where(none, t).log().sub(x).add(1))];
  },
};

const pairLoss: GradientRule<PairLoss> = (op, dy, node) => {
  const [, , weight, posWeight] = node.arrays;
  const [x, t] = [node.input(0), node.input(1)];
  const shared = op.divisor === 1 ? dy : dy.div(op.divisor);
  const [ofInput, ofTarget] = SLOPES[op.name](x, t, posWeight && node.constant(3), op);
  const g = weight ? node.constant(2).mul(shared) : shared;
  return [
    ...node.each(
      () => ofInput().mul(g),
      () => ofTarget().mul(g),
    ),
    null,
    null,
  ];
};

export const softmaxRules: RuleEntry[] = [
  [Softmax, softmax],
  [LogSoftmax, logSoftmax],
];

export const CausalSoftmaxOp = /* @__PURE__ */ withRule(CausalSoftmax, softmax);
export const CrossEntropyOp = /* @__PURE__ */ withRule(CrossEntropy, crossEntropy);
export const PairLossOp = /* @__PURE__ */ withRule(PairLoss, pairLoss);
