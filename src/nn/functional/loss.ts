import { checkBoolean, checkChoice, checkInteger, checkNumber, readOptions } from "../../checks.ts";
import { DTypeError, formatShape, ShapeError } from "../../errors.ts";
import { CrossEntropyOp, PairLossOp } from "../../gradients/rules/loss.ts";
import { expectSameShape, isSameShape } from "../../ops/core/array.ts";
import type { LossReduction } from "../../ops/loss/pairwise.ts";
import { apply, expectTensor } from "../../tensor/apply.ts";
import { leaf } from "../../tensor/leaf.ts";
import type { Tensor } from "../../tensor/tensor.ts";

export interface LossOptions {
  /** `"mean"` (the default) or `"sum"` of the terms, or `"none"`: the terms themselves. */
  reduction?: LossReduction;
}

const REDUCTIONS = ["mean", "sum", "none"] as const;
const MEAN: LossReduction = "mean";

function readReduction(op: string, options: LossOptions | undefined): { reduction: LossReduction } {
  const { reduction } = readOptions(op, options, { reduction: MEAN });
  return { reduction: checkChoice(op, "reduction", reduction, REDUCTIONS) };
}

/**
 * Mean squared error, `(input - target)²`. Matches `torch.nn.functional.mse_loss`, but shapes must be
 * equal (no broadcasting).
 *
 * @throws ShapeError when the shapes differ.
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * console.log(nn.functional.mseLoss(tensor([1, 2, 3]), tensor([1, 2, 5])).item()); // 1.3333…
 * ```
 */
export function mseLoss(input: Tensor, target: Tensor, options?: LossOptions): Tensor {
  return apply(new PairLossOp("mseLoss", readReduction("mseLoss", options)), input, target);
}

/**
 * Mean absolute error, `|input - target|`. Matches `torch.nn.functional.l1_loss`, but shapes must be equal.
 * Where input and target are equal, the gradient is 0.
 *
 * @throws ShapeError when the shapes differ.
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * console.log(nn.functional.l1Loss(tensor([1, 2]), tensor([1, 5]), { reduction: "sum" }).item()); // 3
 * ```
 */
export function l1Loss(input: Tensor, target: Tensor, options?: LossOptions): Tensor {
  return apply(new PairLossOp("l1Loss", readReduction("l1Loss", options)), input, target);
}

/**
 * `d² / (2 beta)` where `d = |input - target| < beta`, else `d - beta / 2`. Matches
 * `torch.nn.functional.smooth_l1_loss`, but shapes must be equal.
 *
 * @param options `reduction`; `beta` >= 0 (default 1; 0 gives `l1Loss`).
 * @throws ShapeError when the shapes differ.
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * const loss = nn.functional.smoothL1Loss(tensor([0, 0]), tensor([0.5, 3]), { reduction: "none" });
 * console.log(loss.toArray()); // [0.125, 2.5]
 * ```
 */
export function smoothL1Loss(input: Tensor, target: Tensor, options?: LossOptions & { beta?: number }): Tensor {
  const op = "smoothL1Loss";
  const { reduction, beta } = readOptions(op, options, { reduction: MEAN, beta: 1 });
  checkNumber(op, "beta", beta, 0);
  return apply(
    new PairLossOp(op, { reduction: checkChoice(op, "reduction", reduction, REDUCTIONS), beta }),
    input,
    target,
  );
}

/**
 * Binary cross entropy of probabilities, `-w (t log x + (1 - t) log(1 - x))`, with logarithms clamped to at
 * least -100. Matches `torch.nn.functional.binary_cross_entropy`. For logits use
 * `binaryCrossEntropyWithLogits`, which is stable. The target's gradient uses the clamped logarithms too; in
 * PyTorch it is infinite for an input of 0 or 1.
 *
 * @param input probabilities in [0, 1]; @param target of the same shape, in [0, 1]
 * @param options `reduction`; `weight` of the terms, broadcast to the input's shape.
 * @throws ShapeError when the shapes differ; OptionError for a value outside [0, 1].
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * console.log(nn.functional.binaryCrossEntropy(tensor([0.9, 0.2]), tensor([1, 0])).item()); // 0.1642…
 * ```
 */
export function binaryCrossEntropy(
  input: Tensor,
  target: Tensor,
  options?: LossOptions & { weight?: Tensor | null },
): Tensor {
  const op = "binaryCrossEntropy";
  const { reduction, weight } = readOptions(op, options, { reduction: MEAN, weight: null as Tensor | null });
  const loss = new PairLossOp(op, { reduction: checkChoice(op, "reduction", reduction, REDUCTIONS) });
  return apply(loss, input, target, weight);
}

/**
 * Binary cross entropy of logits, `w ((1 - t) x + (1 + (p - 1) t) log(1 + e^-x))`, stable for any x. Matches
 * `torch.nn.functional.binary_cross_entropy_with_logits`.
 *
 * @param options `reduction`; `weight` w of the terms and `posWeight` p of positive targets, each broadcast
 *   to the input's shape.
 * @throws ShapeError when the shapes of input and target differ.
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * console.log(nn.functional.binaryCrossEntropyWithLogits(tensor([2, -1]), tensor([1, 0])).item()); // 0.2200…
 * ```
 */
export function binaryCrossEntropyWithLogits(
  input: Tensor,
  target: Tensor,
  options?: LossOptions & { weight?: Tensor | null; posWeight?: Tensor | null },
): Tensor {
  const op = "binaryCrossEntropyWithLogits";
  const { reduction, weight, posWeight } = readOptions(op, options, {
    reduction: MEAN,
    weight: null as Tensor | null,
    posWeight: null as Tensor | null,
  });
  const loss = new PairLossOp(op, { reduction: checkChoice(op, "reduction", reduction, REDUCTIONS) });
  return apply(loss, input, target, weight, posWeight);
}

/**
 * Kullback-Leibler divergence, `t (log t - x)` for log-probabilities x = `input`. Matches
 * `torch.nn.functional.kl_div`, except that for a target of 0 the term and the gradient are 0 even if x is
 * infinite.
 *
 * @param target probabilities, or their logarithms if `logTarget` is true
 * @param options `reduction`: `"mean"` (the default, over all elements), `"batchmean"` (the mathematical
 *   divergence: the sum divided by the first dimension), `"sum"` or `"none"`; `logTarget` (default false).
 * @throws ShapeError when the shapes differ.
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * const p = tensor([[0.5, 0.5]]);
 * const logQ = tensor([[-1.0986123, -0.4054651]]); // log of [1/3, 2/3]
 * console.log(nn.functional.klDiv(logQ, p, { reduction: "batchmean" }).item()); // 0.0589…
 * ```
 */
export function klDiv(
  input: Tensor,
  target: Tensor,
  options?: { reduction?: LossReduction | "batchmean"; logTarget?: boolean },
): Tensor {
  const { reduction, logTarget } = readOptions("klDiv", options, {
    reduction: MEAN as LossReduction | "batchmean",
    logTarget: false,
  });
  checkChoice("klDiv", "reduction", reduction, [...REDUCTIONS, "batchmean"]);
  const kind = checkBoolean("klDiv", "logTarget", logTarget) ? "klDivLogTarget" : "klDiv";
  return apply(new PairLossOp(kind, { reduction }), input, target);
}

export interface CrossEntropyLossOptions extends LossOptions {
  /** A weight for each class, [C]. It gets no gradient. */
  weight?: Tensor | null;
  /** Targets with this value are ignored in the sum and in the mean. Default -100. */
  ignoreIndex?: number;
  /** Share of the target distributed evenly over all classes, in [0, 1]. Default 0. */
  labelSmoothing?: number;
}

/**
 * Cross entropy of logits: `-w[t] log softmax(input)[t]`. Matches `torch.nn.functional.cross_entropy`.
 *
 * @param input logits [N,C], [N,C,d1,...] or [C]
 * @param target int32 class indices [N], [N,d1,...] or []; or float32 probabilities of the input's shape
 * @param options `weight` [C]; `ignoreIndex` (default -100; for class indices only); `labelSmoothing`
 *   (default 0); `reduction`: `"mean"` divides by the sum of the weights of the targets that are not ignored
 *   (for probabilities: by their number).
 * @throws ShapeError when the shapes do not fit; OptionError for a class outside [0, C).
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * const logits = tensor([[2, 0, 0], [0, 3, 0]]);
 * const target = tensor([0, 1], { dtype: "int32" });
 * console.log(nn.functional.crossEntropy(logits, target).item()); // 0.1672…
 * ```
 */
export function crossEntropy(input: Tensor, target: Tensor, options?: CrossEntropyLossOptions): Tensor {
  const op = "crossEntropy";
  const { weight, ...rest } = readOptions(op, options, {
    reduction: MEAN,
    weight: null as Tensor | null,
    ignoreIndex: -100,
    labelSmoothing: 0,
  });
  checkChoice(op, "reduction", rest.reduction, REDUCTIONS);
  checkInteger(op, "ignoreIndex", rest.ignoreIndex, -(2 ** 31));
  checkNumber(op, "labelSmoothing", rest.labelSmoothing, 0, 1);
  expectTensor(op, "input", input);
  expectTensor(op, "target", target);
  if (target.dtype === "float32") {
    return crossEntropyOfProbabilities(input, target, weight, rest.labelSmoothing, rest.reduction);
  }
  return apply(new CrossEntropyOp(op, rest), input, target, weight);
}

/** `-Σ w t' log softmax(input)` over the classes, with `t' = (1 - smoothing) t + smoothing / C`. */
function crossEntropyOfProbabilities(
  input: Tensor,
  target: Tensor,
  weight: Tensor | null,
  smoothing: number,
  reduction: LossReduction,
): Tensor {
  const op = "crossEntropy";
  expectProbabilities(input, target);
  if (input.dim() === 0) throw new ShapeError(`${op}: input expected [C] or [N,C,...], got []`);
  const dim = input.dim() === 1 ? 0 : 1;
  const classes = input.shape[dim];
  const goal = smoothing === 0 ? target : target.mul(1 - smoothing).add(smoothing / classes);
  let terms = input.logSoftmax(dim).mul(goal);
  if (weight) {
    expectTensor(op, "weight", weight);
    expectSameShape(op, "weight, one for each class,", [classes], weight.shape);
    terms = terms.mul(leaf(() => weight.array.withShape(input.shape.map((_, d) => (d === dim ? classes : 1)))));
  }
  terms = terms.sum(dim).neg();
  if (reduction === "none") return terms;
  return reduction === "sum" ? terms.sum() : terms.mean();
}

/**
 * Checks a float32 target. The error says how to convert labels, in case they were intended as class indices.
 */
function expectProbabilities(input: Tensor, target: Tensor): void {
  if (input.dtype === "float32" && isSameShape(input.shape, target.shape)) return;
  const positions = input.shape.filter((_, d) => d !== (input.dim() === 1 ? 0 : 1));
  const actual = `input ${input.dtype} ${formatShape(input.shape)}, target float32 ${formatShape(target.shape)}`;
  if (input.dtype !== "float32") {
    throw new DTypeError(`crossEntropy: input expected float32, got ${actual}: is the target the first argument?`);
  }
  const expected =
    `target expected int32 class indices ${formatShape(positions)}, or float32 probabilities ` +
    `${formatShape(input.shape)}, got ${actual}`;
  // class indices have one number per position, perhaps with an extra dimension of length 1
  if (target.numel() !== positions.reduce((size, length) => size * length, 1)) {
    throw new ShapeError(`crossEntropy: ${expected}`);
  }
  throw new DTypeError(
    `crossEntropy: ${expected}; labels become int32 by .int(), or by tensor(labels, { dtype: "int32" })`,
  );
}

/**
 * Negative log-likelihood of log-probabilities: `-w[t] input[t]`. Matches `torch.nn.functional.nll_loss`.
 *
 * @param input log-probabilities [N,C], [N,C,d1,...] or [C], as returned by `logSoftmax`
 * @param target int32 class indices [N], [N,d1,...] or []
 * @param options `weight` [C]; `ignoreIndex` (default -100); `reduction`, as in `crossEntropy`.
 * @throws ShapeError when the shapes do not fit; OptionError for a class outside [0, C).
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * const logProbabilities = nn.functional.logSoftmax(tensor([[2, 0, 0]]), 1);
 * console.log(nn.functional.nllLoss(logProbabilities, tensor([0], { dtype: "int32" })).item()); // 0.2395…
 * ```
 */
export function nllLoss(
  input: Tensor,
  target: Tensor,
  options?: Omit<CrossEntropyLossOptions, "labelSmoothing">,
): Tensor {
  const { weight, ...rest } = readOptions("nllLoss", options, {
    reduction: MEAN,
    weight: null as Tensor | null,
    ignoreIndex: -100,
  });
  checkChoice("nllLoss", "reduction", rest.reduction, REDUCTIONS);
  checkInteger("nllLoss", "ignoreIndex", rest.ignoreIndex, -(2 ** 31));
  return apply(new CrossEntropyOp("nllLoss", { ...rest, labelSmoothing: 0 }), input, target, weight);
}
