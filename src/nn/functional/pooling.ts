import type { Pair } from "../../checks.ts";
import { AdaptiveAvgPool2dOp, AvgPool2dOp, MaxPool2dOp } from "../../gradients/rules/pool.ts";
import type { AdaptiveSize, AvgPool2dOptions } from "../../ops/pool/avg_pool2d.ts";
import type { MaxPool2dOptions } from "../../ops/pool/max_pool2d.ts";
import { apply, applyMany } from "../../tensor/apply.ts";
import type { Tensor } from "../../tensor/tensor.ts";

export type { AdaptiveSize, AvgPool2dOptions, MaxPool2dOptions };

/**
 * The largest value of each window. Matches `torch.nn.functional.max_pool2d`.
 *
 * Output height: `⌊(H + 2·padding − dilation·(kernelSize − 1) − 1) / stride⌋ + 1`, width likewise. If several
 * values of a window are equal, the first in row-major order is chosen and gets the gradient. NaN counts as
 * larger than every number.
 *
 * @param x [N, C, H, W] or [C, H, W]
 * @param kernelSize an integer or [height, width]
 * @param options `stride` (default kernelSize), `padding` 0 (filled with -Infinity, at most half the kernel),
 *   `dilation` 1, `ceilMode` false, `returnIndices` false (true returns `[values, indices]`)
 * @throws ShapeError when the kernel is larger than the padded input; OptionError for bad options.
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * const x = tensor([[[1, 2, 5, 3], [4, 0, 1, 1]]]);
 * console.log(nn.functional.maxPool2d(x, 2).toArray()); // [[[4, 5]]]
 * ```
 */
export function maxPool2d(
  x: Tensor,
  kernelSize: Pair,
  options: MaxPool2dOptions & { returnIndices: true },
): [Tensor, Tensor];
export function maxPool2d(x: Tensor, kernelSize: Pair, options?: MaxPool2dOptions & { returnIndices?: false }): Tensor;
export function maxPool2d(x: Tensor, kernelSize: Pair, options?: MaxPool2dOptions): Tensor | [Tensor, Tensor] {
  const results = applyMany(new MaxPool2dOp(kernelSize, options), x);
  return results.length === 1 ? results[0] : [results[0], results[1]];
}

/**
 * The average of each window. Matches `torch.nn.functional.avg_pool2d`; sums are accumulated in float64.
 *
 * Output height: `⌊(H + 2·padding − kernelSize) / stride⌋ + 1`, width likewise.
 *
 * @param x [N, C, H, W] or [C, H, W]
 * @param kernelSize an integer or [height, width]
 * @param options `stride` (default kernelSize), `padding` 0 (filled with zeros, at most half the kernel),
 *   `ceilMode` false, `countIncludePad` true, `divisorOverride` null
 * @throws ShapeError when the kernel is larger than the padded input; OptionError for bad options.
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * const x = tensor([[[1, 2, 5, 3], [4, 1, 1, 1]]]);
 * console.log(nn.functional.avgPool2d(x, 2).toArray()); // [[[2, 2.5]]]
 * ```
 */
export function avgPool2d(x: Tensor, kernelSize: Pair, options?: AvgPool2dOptions): Tensor {
  return apply(new AvgPool2dOp(kernelSize, options), x);
}

/**
 * Averages each plane down (or up) to a given size. Matches `torch.nn.functional.adaptive_avg_pool2d`: output
 * row o averages the input rows from `⌊o·H/OH⌋` up to, not including, `⌈(o+1)·H/OH⌉`; columns likewise.
 *
 * @param x [N, C, H, W] or [C, H, W]
 * @param outputSize an integer or [height, width]; null keeps the input's size
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * const x = tensor([[[1, 2, 5, 3], [4, 1, 1, 1]]]);
 * console.log(nn.functional.adaptiveAvgPool2d(x, 1).item()); // 2.25
 * ```
 */
export function adaptiveAvgPool2d(x: Tensor, outputSize: AdaptiveSize): Tensor {
  return apply(new AdaptiveAvgPool2dOp(outputSize), x);
}
