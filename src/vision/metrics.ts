import { noGrad } from "../autograd/grad_mode.ts";
import { checkNumber, readOptions } from "../checks.ts";
import { DTypeError, formatShape, OptionError } from "../errors.ts";
import { expectFloat, expectSameShape } from "../ops/core/array.ts";
import { tensor } from "../tensor/creation.ts";
import { scope } from "../tensor/lifetime/scoped.ts";
import { Tensor } from "../tensor/tensor.ts";

/**
 * The mean squared error `Σ (a - b)² / n` of two float32 tensors of the same shape, as a number without
 * gradient. For a loss use `nn.functional.mseLoss`.
 *
 * @param options `mask` (bool, broadcastable to the shape): only elements where it is 1 count. For the hidden
 *   part of an image, pass `mask.logicalNot()`, where `mask` marks the visible elements. If no element
 *   counts, the result is NaN.
 * @throws ShapeError, DTypeError, OptionError
 * @example
 * ```ts
 * import { tensor } from "wasmgrad";
 * import { mse } from "wasmgrad/vision";
 * console.log(mse(tensor([1, 2, 3]), tensor([1, 2, 5]))); // 1.3333…
 * console.log(mse(tensor([1, 2, 3]), tensor([1, 2, 5]), { mask: tensor([false, true, true]) })); // 2
 * ```
 */
export function mse(a: Tensor, b: Tensor, options?: { mask?: Tensor }): number {
  const { mask } = readOptions("mse", options, { mask: undefined as Tensor | undefined });
  return meanSquaredError("mse", a, b, mask);
}

function meanSquaredError(op: string, a: Tensor, b: Tensor, mask: Tensor | undefined): number {
  if (!(a instanceof Tensor && b instanceof Tensor)) throw new OptionError(`${op}: expected two tensors`);
  if (mask !== undefined && !(mask instanceof Tensor)) throw new OptionError(`${op}: mask expected a tensor`);
  expectFloat(op, a.array, b.array);
  expectSameShape(op, "second tensor", a.shape, b.shape);
  if (mask && mask.dtype !== "bool") {
    throw new DTypeError(`${op}: mask expected bool, got ${mask.dtype} of shape ${formatShape(mask.shape)}`);
  }
  return scope(() =>
    noGrad(() => {
      const squares = a.sub(b).square();
      if (!mask) return squares.mean().item();
      const counted = squares.where(mask, 0);
      expectSameShape(op, "mask, broadcast,", squares.shape, counted.shape);
      // each element of the mask is broadcast to the same number of elements
      const count = (mask.sum().item() * squares.numel()) / mask.numel();
      return counted.sum().item() / count;
    }),
  );
}

/**
 * The peak signal-to-noise ratio `10 log10(range² / mse)` in decibels, as a number. It is Infinity if a and b
 * are equal.
 *
 * @param options `range`: the difference between the largest and the smallest possible pixel value (default
 *   1); `mask`: see `mse`.
 * @throws ShapeError, DTypeError, OptionError
 * @example
 * ```ts
 * import { tensor } from "wasmgrad";
 * import { psnr } from "wasmgrad/vision";
 * console.log(psnr(tensor([0, 0.5]), tensor([0.1, 0.6]))); // 20, up to float32's digits
 * ```
 */
export function psnr(a: Tensor, b: Tensor, options?: { range?: number; mask?: Tensor }): number {
  const { range, mask } = readOptions("psnr", options, { range: 1, mask: undefined as Tensor | undefined });
  if (checkNumber("psnr", "range", range, 0) === 0) throw new OptionError("psnr: range expected a number > 0, got 0");
  const error = meanSquaredError("psnr", a, b, mask);
  const DECIBELS = 10 / Math.LN10;
  // uses the kernels' logarithm, because Math.log10 may differ between engines in the last bits
  return scope(
    () =>
      DECIBELS *
      tensor((range * range) / error)
        .log()
        .item(),
  );
}
