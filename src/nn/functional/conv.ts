import { Conv2dOp, ConvTranspose2dOp } from "../../gradients/rules/conv.ts";
import {
  ConvWindow,
  type ConvWindowOptions,
  TransposedConvWindow,
  type TransposedConvWindowOptions,
} from "../../ops/conv/window.ts";
import { apply } from "../../tensor/apply.ts";
import type { Tensor } from "../../tensor/tensor.ts";

export type { ConvWindowOptions as Conv2dOptions, TransposedConvWindowOptions as ConvTranspose2dOptions };

/**
 * 2-D convolution (cross-correlation). Matches `torch.nn.functional.conv2d`.
 *
 * `out[n,co,oy,ox] = bias[co] + Σ_{ci,kh,kw} weight[co,ci,kh,kw] · x[n,ci,iy,ix]`, where
 * `iy = oy·stride + kh·dilation − padding`, and `ix` likewise; x is 0 outside. Output height:
 * `⌊(H + 2·padding − dilation·(KH − 1) − 1) / stride⌋ + 1`, width likewise.
 *
 * 3x3 kernels of stride 1 with at least 16 channels are computed by Winograd's F(4x4, 3x3). In a Sequential,
 * before ReLU and max pooling, this also holds for at most 3 channels. 3x3 and 4x4 kernels of stride 2 with
 * enough channels and pixels are computed by F(4x4, 2x2). The error is about 1e-6 of the largest
 * value in a tile of 6x6 pixels, not just in the 3x3 pixels that an output depends on. If a tile contains an
 * Infinity or NaN, all of its 4x4 outputs become NaN.
 *
 * @param x [N, Ci, H, W] or [Ci, H, W]
 * @param weight [Co, Ci/groups, KH, KW]
 * @param bias [Co], or null
 * @param options `stride` 1, `padding` 0 (or "same", "valid"), `dilation` 1 (each an integer or [height,
 *   width]), `groups` 1
 * @throws ShapeError when channels do not fit or the kernel is larger than the padded input; OptionError for
 *   bad options.
 * @example
 * ```ts
 * import { nn, ones } from "wasmgrad";
 * const y = nn.functional.conv2d(ones([1, 1, 4, 4]), ones([1, 1, 3, 3]), null, { padding: 1 });
 * console.log(y.toArray()); // 9 inside, 6 at the edges, 4 in the corners
 * ```
 */
export function conv2d(x: Tensor, weight: Tensor, bias: Tensor | null = null, options?: ConvWindowOptions): Tensor {
  return apply(new Conv2dOp(new ConvWindow("conv2d", options)), x, weight, bias);
}

/**
 * 2-D transposed convolution: each input pixel adds the kernel, multiplied by its value, to the output.
 * Matches `torch.nn.functional.conv_transpose2d`.
 *
 * `out[n, co, iy·stride + kh·dilation − padding, …] += x[n,ci,iy,ix] · weight[ci,co,kh,kw]`, plus bias[co].
 * Output height: `(H − 1)·stride − 2·padding + dilation·(KH − 1) + outputPadding + 1`, width likewise.
 *
 * @param x [N, Ci, H, W] or [Ci, H, W]
 * @param weight [Ci, Co/groups, KH, KW]
 * @param bias [Co], or null
 * @param options `stride` 1, `padding` 0, `outputPadding` 0, `dilation` 1 (each an integer or [height,
 *   width]), `groups` 1
 * @throws ShapeError when channels do not fit or the result would be empty; OptionError for bad options.
 * @example
 * ```ts
 * import { nn, ones, tensor } from "wasmgrad";
 * const x = tensor([[[[1, 2], [3, 4]]]]);
 * console.log(nn.functional.convTranspose2d(x, ones([1, 1, 2, 2]), null, { stride: 2 }).shape); // [1, 1, 4, 4]
 * ```
 */
export function convTranspose2d(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null = null,
  options?: TransposedConvWindowOptions,
): Tensor {
  return apply(new ConvTranspose2dOp(new TransposedConvWindow("convTranspose2d", options)), x, weight, bias);
}
