import { isFixed } from "../length.ts";
import type { OperatorWriter, StepWriter } from "../operator_writer.ts";
import { formulas } from "./elementwise.ts";
import { optional } from "./layers.ts";

const classLoss =
  (opType: string): OperatorWriter =>
  (s) => {
    if (s.attribute<number>("labelSmoothing") !== 0) s.refuse("labelSmoothing has no ONNX operator");
    const reduction = s.attribute<string>("reduction");
    const isVector = s.shape(0).length === 1;
    const up = (x: string) => (isVector ? s.nodes.unsqueeze(x, [0]) : x);
    const ignored = { ignore_index: s.attribute<number>("ignoreIndex"), reduction };
    const y = s.nodes.node(opType, optional([up(s.x(0)), up(s.x(1)), s.optional(2)]), ignored);
    return isVector && reduction === "none" ? s.nodes.squeeze(y, [0]) : y;
  };

type LossTerms = (s: StepWriter, x: string, target: string) => string;

/** A loss with one term per element. */
const pairLoss =
  (terms: LossTerms): OperatorWriter =>
  (s) => {
    const { mul, div, value } = formulas(s);
    let y = terms(s, s.x(0), s.x(1));
    if (s.has(2)) y = mul(y, s.x(2));
    const reduction = s.attribute<string>("reduction");
    if (reduction === "none") return y;
    const dims = [...s.shape(0).keys()];
    if (reduction !== "batchmean")
      return s.nodes.reduce(reduction === "mean" ? "ReduceMean" : "ReduceSum", y, dims, false);
    const [first] = s.shape(0);
    const samples = isFixed(first) ? value(first) : s.nodes.number(first, "float32");
    return div(s.nodes.reduce("ReduceSum", y, dims, false), samples);
  };

const smoothL1: LossTerms = (s, x, target) => {
  const { sub, mul, abs, less, where, value } = formulas(s);
  const beta = s.attribute<number>("beta");
  const d = abs(sub(x, target));
  if (beta === 0) return d;
  return where(less(d, value(beta)), mul(mul(d, d), value(0.5 / beta)), sub(d, value(beta / 2)));
};

const crossEntropyTerms: LossTerms = (s, x, target) => {
  const { add, sub, mul, log, value } = formulas(s);
  const bounded = (y: string) => s.nodes.node("Max", [log(y), value(-100)]);
  const no = mul(sub(value(1), target), bounded(sub(value(1), x)));
  return s.nodes.node("Neg", [add(mul(target, bounded(x)), no)]);
};

const logitTerms: LossTerms = (s, x, target) => {
  const { add, sub, mul, value } = formulas(s);
  const factor = s.has(3) ? add(mul(sub(s.x(3), value(1)), target), value(1)) : null;
  // softplus(-x), exact for large |x|
  const soft = s.nodes.node("Softplus", [s.nodes.node("Neg", [x])]);
  return add(mul(sub(value(1), target), x), factor ? mul(factor, soft) : soft);
};

const klTerms: LossTerms = (s, x, target) => {
  const { sub, mul, exp, log, less, where, value } = formulas(s);
  if (s.attribute<boolean>("logTarget")) return mul(exp(target), sub(target, x));
  const zero = value(0);
  const isPositive = less(zero, target);
  return where(isPositive, mul(target, sub(log(where(isPositive, target, value(1))), x)), zero);
};

export const LOSSES: Readonly<Record<string, OperatorWriter>> = {
  crossEntropy: classLoss("SoftmaxCrossEntropyLoss"),
  nllLoss: classLoss("NegativeLogLikelihoodLoss"),
  mseLoss: pairLoss((s, x, target) => {
    const d = formulas(s).sub(x, target);
    return formulas(s).mul(d, d);
  }),
  l1Loss: pairLoss((s, x, target) => formulas(s).abs(formulas(s).sub(x, target))),
  smoothL1Loss: pairLoss(smoothL1),
  binaryCrossEntropy: pairLoss(crossEntropyTerms),
  binaryCrossEntropyWithLogits: pairLoss(logitTerms),
  klDiv: pairLoss(klTerms),
};
