import { checkBoolean, checkChoice, checkNumber, readOptions } from "../../checks.ts";
import { formatShape, OptionError, ShapeError } from "../../errors.ts";
import { isSameShape } from "../../ops/core/array.ts";
import type { LossReduction } from "../../ops/loss/pairwise.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { expectTensors } from "./distance.ts";
import type { LossOptions } from "./loss.ts";

export type HuberLossOptions = LossOptions & { delta?: number };
export type PoissonNLLLossOptions = LossOptions & { logInput?: boolean; full?: boolean; eps?: number };
export type GaussianNLLLossOptions = LossOptions & { full?: boolean; eps?: number };
export type MarginLossOptions = LossOptions & { margin?: number };
export type MultiMarginLossOptions = MarginLossOptions & { p?: number; weight?: Tensor | null };
export type MultiLabelSoftMarginLossOptions = LossOptions & { weight?: Tensor | null };
export type TripletMarginLossOptions = MarginLossOptions & { p?: number; eps?: number; swap?: boolean };

/** The defaults of each loss's options, by the name of its function. */
export const LOSS_DEFAULTS = {
  huberLoss: { reduction: "mean" as LossReduction, delta: 1 },
  poissonNllLoss: { reduction: "mean" as LossReduction, logInput: true, full: false, eps: 1e-8 },
  gaussianNllLoss: { reduction: "mean" as LossReduction, full: false, eps: 1e-6 },
  marginRankingLoss: { reduction: "mean" as LossReduction, margin: 0 },
  hingeEmbeddingLoss: { reduction: "mean" as LossReduction, margin: 1 },
  cosineEmbeddingLoss: { reduction: "mean" as LossReduction, margin: 0 },
  softMarginLoss: { reduction: "mean" as LossReduction },
  multiMarginLoss: { reduction: "mean" as LossReduction, margin: 1, p: 1, weight: null as Tensor | null },
  multiLabelSoftMarginLoss: { reduction: "mean" as LossReduction, weight: null as Tensor | null },
  tripletMarginLoss: { reduction: "mean" as LossReduction, margin: 1, p: 2, eps: 1e-6, swap: false },
};

/** Reads and checks the options of a loss. `op`: the name for errors. */
export function readLossOptions<Name extends keyof typeof LOSS_DEFAULTS>(
  op: string,
  name: Name,
  options: Partial<(typeof LOSS_DEFAULTS)[Name]> | undefined,
): (typeof LOSS_DEFAULTS)[Name] {
  const read = readOptions<(typeof LOSS_DEFAULTS)[Name]>(op, options, LOSS_DEFAULTS[name]);
  checkChoice(op, "reduction", read.reduction, ["mean", "sum", "none"]);
  for (const [key, value] of Object.entries(read)) {
    if (typeof LOSS_DEFAULTS[name][key as "reduction"] === "number") checkNumber(op, key, value);
    if (typeof LOSS_DEFAULTS[name][key as "reduction"] === "boolean") checkBoolean(op, key, value);
    if (key === "weight" && value !== null) expectTensors(op, { weight: value });
  }
  const { delta, p } = read as { delta?: number; p?: number };
  if (delta !== undefined && delta <= 0) throw new OptionError(`${op}: delta expected a number > 0, got ${delta}`);
  if (name === "multiMarginLoss" && p !== 1 && p !== 2) throw new OptionError(`${op}: p expected 1 or 2, got ${p}`);
  return read;
}

/** The terms, their sum, or their mean. */
export function reduce(terms: Tensor, reduction: LossReduction): Tensor {
  if (reduction === "none") return terms;
  return reduction === "sum" ? terms.sum() : terms.mean();
}

/** Checks that two shapes are equal. */
export function expectSame(op: string, a: Tensor, b: Tensor): void {
  if (isSameShape(a.shape, b.shape)) return;
  throw new ShapeError(`${op}: expected equal shapes, got ${formatShape(a.shape)} and ${formatShape(b.shape)}`);
}
