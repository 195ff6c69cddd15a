import { checkBoolean, checkChoice, checkNumber, readOptions } from "../../ops/options.ts";
import { type LossReduction, PairLoss } from "../../ops/pair_loss.ts";
import { apply, type Tensor } from "../../tensor/tensor.ts";

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
 * Mean squared error, `(input - target)²`. Matches `torch.nn.functional.mse_loss`, but shapes must be equal (no broadcasting).
 *
 * @throws ShapeError when the shapes differ.
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * console.log(nn.functional.mseLoss(tensor([1, 2, 3]), tensor([1, 2, 5])).item()); // 1.3333…
 * ```
 */
export function mseLoss(input: Tensor, target: Tensor, options?: LossOptions): Tensor {
  return apply(new PairLoss("mseLoss", readReduction("mseLoss", options)), input, target);
}

/**
 * Mean absolute error, `|input - target|`. Matches `torch.nn.functional.l1_loss`, but shapes must be equal.
 * The gradient where both are equal is 0.
 *
 * @throws ShapeError when the shapes differ.
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * console.log(nn.functional.l1Loss(tensor([1, 2]), tensor([1, 5]), { reduction: "sum" }).item()); // 3
 * ```
 */
export function l1Loss(input: Tensor, target: Tensor, options?: LossOptions): Tensor {
  return apply(new PairLoss("l1Loss", readReduction("l1Loss", options)), input, target);
}

/**
 * `d² / (2 beta)` where `d = |input - target| < beta`, else `d - beta / 2`. Matches `torch.nn.functional.smooth_l1_loss`,
 * but shapes must be equal.
 *
 * @param options `reduction`; `beta` >= 0 (default 1; 0 is `l1Loss`).
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
    new PairLoss(op, { reduction: checkChoice(op, "reduction", reduction, REDUCTIONS), beta }),
    input,
    target,
  );
}

/**
 * Binary cross entropy of probabilities, `-w (t log x + (1 - t) log(1 - x))`, logarithms not below -100. Matches
 * `torch.nn.functional.binary_cross_entropy`. With logits use `binaryCrossEntropyWithLogits`, which is stable.
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
  const loss = new PairLoss(op, { reduction: checkChoice(op, "reduction", reduction, REDUCTIONS) });
  return apply(loss, input, target, weight);
}

/**
 * Binary cross entropy of logits, `w ((1 - t) x + (1 + (p - 1) t) log(1 + e^-x))`, stable for any x. Matches
 * `torch.nn.functional.binary_cross_entropy_with_logits`.
 *
 * @param options `reduction`; `weight` w of the terms and `posWeight` p of positive answers, each broadcast to the input's shape.
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
  const loss = new PairLoss(op, { reduction: checkChoice(op, "reduction", reduction, REDUCTIONS) });
  return apply(loss, input, target, weight, posWeight);
}

/**
 * Kullback-Leibler divergence, `t (log t - x)` for log-probabilities x = `input`. Matches `torch.nn.functional.kl_div`.
 *
 * @param target probabilities, or their logarithms where `logTarget`
 * @param options `reduction`: `"mean"` (the default, over all elements), `"batchmean"` (the mathematical divergence: the sum
 *   divided by the first dimension), `"sum"` or `"none"`; `logTarget` (default false).
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
  return apply(new PairLoss(kind, { reduction }), input, target);
}
