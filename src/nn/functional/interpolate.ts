import { InterpolateOp } from "../../gradients/rules/pool.ts";
import type { InterpolateOptions } from "../../ops/image/interpolate.ts";
import { apply } from "../../tensor/apply.ts";
import type { Tensor } from "../../tensor/tensor.ts";

export type { InterpolateOptions };

/**
 * Resizes images. Matches `torch.nn.functional.interpolate` for images.
 *
 * - "nearest": `y[oy, ox] = x[⌊oy·H/OH⌋, ⌊ox·W/OW⌋]`; "nearest-exact": the same with `oy + ½` and `ox + ½`.
 * - "bilinear": mixes the four pixels around `(oy + ½)·H/OH − ½` (with alignCorners `oy·(H−1)/(OH−1)`).
 * - "bicubic": a sum of the 16 pixels around that position, with Keys' cubic weights (a = −0.75). The
 *   result may exceed the range of the pixels.
 * - "area": the mean of the pixels from `⌊oy·H/OH⌋` to `⌈(oy + 1)·H/OH⌉`, as `adaptiveAvgPool2d`.
 *
 * With `antialias`, "bilinear" and "bicubic" (a = −0.5) stretch their filter by `H/OH` where the image
 * becomes smaller, as Pillow does.
 *
 * With `scaleFactor` the size is `⌊H·scaleFactor⌋`, and `1/scaleFactor` is used instead of `H/OH`, except
 * for "nearest", "bilinear" and `antialias` where the size stays the same and, for "nearest", where it
 * doubles.
 *
 * Nearest positions by `size` are exact; all others are float64. PyTorch computes them in float32. For about
 * one in fifty pairs of lengths, its nearest pixel by `size` therefore differs from the formula. Nearest
 * positions by `scaleFactor` are float32, as in PyTorch.
 *
 * @param x [N, C, H, W]
 * @param options either `size` or `scaleFactor`; `mode` "nearest", `alignCorners` false, `antialias` false
 * @throws ShapeError for an input of another rank or an empty result; OptionError for bad options.
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * const x = tensor([[[[1, 2], [3, 4]]]]);
 * console.log(nn.functional.interpolate(x, { scaleFactor: 2 }).toArray());
 * console.log(nn.functional.interpolate(x, { size: [2, 3], mode: "bilinear" }).toArray()); // [[[[1, 1.5, 2], [3, 3.5, 4]]]]
 * console.log(nn.functional.interpolate(x, { size: 1, mode: "bicubic", antialias: true }).item()); // 2.5
 * ```
 */
export function interpolate(x: Tensor, options: InterpolateOptions): Tensor {
  return apply(new InterpolateOp(options), x);
}
