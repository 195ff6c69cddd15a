import { checkBoolean, checkNumber, describe, readOptions } from "../checks.ts";
import { OptionError } from "../errors.ts";
import { clampInPlace, scaleInPlace, totalNorm } from "../ops/optim/clip_gradients.ts";
import { withFrame } from "../runtime/frame.ts";
import { tensor } from "../tensor/creation.ts";
import { Tensor } from "../tensor/tensor.ts";

/** The gradients of all parameters that have one. */
function gradients(op: string, parameters: Tensor | Iterable<Tensor>): Tensor[] {
  const list = parameters instanceof Tensor ? [parameters] : parameters;
  const model = parameters as { parameters?: unknown };
  if (typeof model?.parameters === "function" || typeof list?.[Symbol.iterator] !== "function") {
    const actual =
      typeof model?.parameters === "function" ? `${describe(model)}; pass its parameters()` : describe(list);
    throw new OptionError(`${op}: parameters expected a tensor or an iterable of tensors, got ${actual}`);
  }
  return [...list].flatMap((parameter) => {
    if (!(parameter instanceof Tensor)) {
      throw new OptionError(`${op}: parameters expected tensors, got ${describe(parameter)}`);
    }
    return parameter.grad ?? [];
  });
}

/**
 * Scales all gradients in place by one factor, so that their total norm is at most `maxNorm`. The factor is
 * `min(1, maxNorm / (norm + 1e-6))`. Matches `torch.nn.utils.clip_grad_norm_`.
 *
 * @param options `normType` 2 (1, 2 or Infinity), `errorIfNonfinite` false
 * @returns the norm before clipping, accumulated in float64, as a tensor without dimensions. A norm above
 *   3.4e38 is returned as Infinity, but the gradients are scaled by its float64 value.
 * @throws OptionError for bad options and, with `errorIfNonfinite`, when the norm is NaN or infinite
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * const w = tensor([1, 1], { requiresGrad: true });
 * w.mul(tensor([3, 4])).sum().backward();
 * console.log(nn.utils.clipGradNorm_([w], 1).item(), w.grad?.toArray()); // 5 [0.6, 0.8]
 * ```
 */
export function clipGradNorm_(
  parameters: Tensor | Iterable<Tensor>,
  maxNorm: number,
  options?: { normType?: number; errorIfNonfinite?: boolean },
): Tensor {
  const op = "clipGradNorm_";
  const { normType, errorIfNonfinite } = readOptions(op, options, { normType: 2, errorIfNonfinite: false });
  if (normType !== 1 && normType !== 2 && normType !== Infinity) {
    throw new OptionError(`${op}: normType expected 1, 2 or Infinity, got ${normType}`);
  }
  checkBoolean(op, "errorIfNonfinite", errorIfNonfinite);
  // Infinity: only the norm is computed
  if (maxNorm !== Infinity) checkNumber(op, "maxNorm", maxNorm, 0);
  const arrays = gradients(op, parameters).map((grad) => grad.array);
  const norm = withFrame(() => totalNorm(arrays, normType));
  if (errorIfNonfinite && !Number.isFinite(norm)) {
    throw new OptionError(`${op}: the total norm of the gradients is ${norm}; nothing was changed`);
  }
  const factor = maxNorm / (norm + 1e-6);
  // a NaN norm makes every gradient NaN, as in PyTorch, so that the NaN is noticed
  if (maxNorm !== Infinity && !(factor >= 1)) for (const array of arrays) scaleInPlace(array, factor);
  return tensor(norm);
}

/**
 * Clamps every element of the gradients to [-clipValue, clipValue], in place. Matches
 * `torch.nn.utils.clip_grad_value_`.
 *
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * const w = tensor([1, 1], { requiresGrad: true });
 * w.mul(tensor([3, -0.5])).sum().backward();
 * nn.utils.clipGradValue_([w], 1);
 * console.log(w.grad?.toArray()); // [1, -0.5]
 * ```
 */
export function clipGradValue_(parameters: Tensor | Iterable<Tensor>, clipValue: number): void {
  checkNumber("clipGradValue_", "clipValue", clipValue, 0);
  for (const grad of gradients("clipGradValue_", parameters)) clampInPlace(grad.array, -clipValue, clipValue);
}

export { padSequence, parametersToVector, vectorToParameters } from "./parameter_vectors.ts";
export * as parametrizations from "./parametrizations.ts";
export { type SpectralNormOptions, spectralNorm, type WeightNormOptions, weightNorm } from "./weight_norm.ts";

/** @deprecated Use `clipGradNorm_`. */
export const clipGradNorm = clipGradNorm_;
/** @deprecated Use `clipGradValue_`. */
export const clipGradValue = clipGradValue_;
