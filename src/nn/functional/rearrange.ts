import { checkInteger, checkPair, type Pair, readOptions } from "../../checks.ts";
import { formatShape, ShapeError } from "../../errors.ts";
import { expectTensor } from "../../tensor/apply.ts";
import { eye } from "../../tensor/fill.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { conv2d, convTranspose2d } from "./conv.ts";

/**
 * Moves channels to pixels: [N, C r², H, W] becomes [N, C, r H, r W]. Matches
 * `torch.nn.functional.pixel_shuffle`.
 *
 * @throws ShapeError when the channels are not a multiple of r².
 * see: Shi et al., Real-time super-resolution with an efficient sub-pixel convolutional network, 2016
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * const x = tensor([1, 2, 3, 4], { shape: [1, 4, 1, 1] });
 * console.log(nn.functional.pixelShuffle(x, 2).toArray()); // [[[[1, 2], [3, 4]]]]
 * ```
 */
export function pixelShuffle(x: Tensor, upscaleFactor: number): Tensor {
  const r = checkInteger("pixelShuffle", "upscaleFactor", upscaleFactor, 1);
  expectTensor("pixelShuffle", "x", x);
  const [channels, height, width] = x.shape.slice(-3);
  if (x.dim() < 3 || channels % (r * r) !== 0) {
    throw new ShapeError(
      `pixelShuffle: expected [...,C,H,W] with C a multiple of ${r * r}, got ${formatShape(x.shape)}`,
    );
  }
  const batch = x.shape.slice(0, -3);
  const split = x.reshape([images(batch), channels / (r * r), r, r, height, width]);
  return split.permute([0, 1, 4, 2, 5, 3]).reshape([...batch, channels / (r * r), height * r, width * r]);
}

const images = (batch: readonly number[]) => batch.reduce((a, b) => a * b, 1);

/**
 * The inverse of `pixelShuffle`: [N, C, r H, r W] becomes [N, C r², H, W]. Matches
 * `torch.nn.functional.pixel_unshuffle`.
 *
 * @throws ShapeError when height or width is not a multiple of r.
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * const x = tensor([[[[1, 2], [3, 4]]]]);
 * console.log(nn.functional.pixelUnshuffle(x, 2).shape); // [1, 4, 1, 1]
 * ```
 */
export function pixelUnshuffle(x: Tensor, downscaleFactor: number): Tensor {
  const r = checkInteger("pixelUnshuffle", "downscaleFactor", downscaleFactor, 1);
  expectTensor("pixelUnshuffle", "x", x);
  const [channels, height, width] = x.shape.slice(-3);
  if (x.dim() < 3 || height % r !== 0 || width % r !== 0) {
    throw new ShapeError(
      `pixelUnshuffle: expected [...,C,H,W] with H and W multiples of ${r}, got ${formatShape(x.shape)}`,
    );
  }
  const batch = x.shape.slice(0, -3);
  const split = x.reshape([images(batch), channels, height / r, r, width / r, r]);
  return split.permute([0, 1, 3, 5, 2, 4]).reshape([...batch, channels * r * r, height / r, width / r]);
}

/**
 * Exchanges channels between groups: channel (g, c) of [N, groups · C, ...] becomes (c, g). Matches
 * `torch.nn.functional.channel_shuffle`.
 *
 * @throws ShapeError when the channels are not a multiple of the groups.
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * const x = tensor([0, 1, 2, 3], { shape: [1, 4, 1, 1] });
 * console.log(nn.functional.channelShuffle(x, 2).flatten().toArray()); // [0, 2, 1, 3]
 * ```
 */
export function channelShuffle(x: Tensor, groups: number): Tensor {
  checkInteger("channelShuffle", "groups", groups, 1);
  expectTensor("channelShuffle", "x", x);
  const [batch, channels, ...rest] = x.shape;
  if (x.dim() < 3 || channels % groups !== 0) {
    throw new ShapeError(
      `channelShuffle: expected [N,C,...] with C a multiple of ${groups}, got ${formatShape(x.shape)}`,
    );
  }
  return x
    .reshape([batch, groups, channels / groups, ...rest])
    .transpose(1, 2)
    .reshape(x.shape);
}

export interface UnfoldOptions {
  /** Default 1. */
  dilation?: Pair;
  /** Default 0. */
  padding?: Pair;
  /** Default 1. */
  stride?: Pair;
}

/** Reads and checks the window of `unfold` and `fold`. */
export function readUnfold(op: string, kernelSize: Pair, options: UnfoldOptions | undefined) {
  const read = readOptions<Required<UnfoldOptions>>(op, options, { dilation: 1, padding: 0, stride: 1 });
  return {
    kernel: checkPair(op, "kernelSize", kernelSize, 1),
    dilation: checkPair(op, "dilation", read.dilation, 1),
    padding: checkPair(op, "padding", read.padding, 0),
    stride: checkPair(op, "stride", read.stride, 1),
  };
}

/** Number of windows along each dimension. */
function windows(op: string, size: readonly number[], w: ReturnType<typeof readUnfold>): [number, number] {
  const counts = size.map(
    (length, d) => Math.floor((length + 2 * w.padding[d] - w.dilation[d] * (w.kernel[d] - 1) - 1) / w.stride[d]) + 1,
  );
  if (counts.every((count) => count >= 1)) return counts as [number, number];
  throw new ShapeError(`${op}: the window [${w.kernel}] is larger than the padded image [${size}]`);
}

/**
 * The windows of images as columns: [N,C,H,W] becomes [N, C·kh·kw, L] for L windows. Matches
 * `torch.nn.functional.unfold`.
 *
 * @param options `dilation` 1, `padding` 0, `stride` 1
 * @throws ShapeError when the window is larger than the padded image.
 * @example
 * ```ts
 * import { nn, ones } from "wasmgrad";
 * console.log(nn.functional.unfold(ones([1, 3, 4, 4]), 2, { stride: 2 }).shape); // [1, 12, 4]
 * ```
 */
export function unfold(x: Tensor, kernelSize: Pair, options?: UnfoldOptions): Tensor {
  const window = readUnfold("unfold", kernelSize, options);
  expectTensor("unfold", "x", x);
  if (x.dim() === 3) return unfold(x.unsqueeze(0), kernelSize, options).squeeze(0);
  if (x.dim() !== 4) throw new ShapeError(`unfold: expected [N,C,H,W] or [C,H,W], got ${formatShape(x.shape)}`);
  const [batch, channels, height, width] = x.shape;
  const [rows, columns] = windows("unfold", [height, width], window);
  const { kernel, dilation, padding, stride } = window;
  const taps = kernel[0] * kernel[1];
  // a convolution whose filters each pick one element of the window
  const picks = eye(taps).reshape([taps, 1, ...kernel]);
  const planes = x.reshape([batch * channels, 1, height, width]);
  return conv2d(planes, picks, null, { dilation, padding, stride }).reshape([batch, channels * taps, rows * columns]);
}

/**
 * Adds windows into images: [N, C·kh·kw, L] becomes [N,C,H,W]; overlapping elements are summed. Matches
 * `torch.nn.functional.fold`.
 *
 * @param outputSize [H, W]; @param options `dilation` 1, `padding` 0, `stride` 1
 * @throws ShapeError when the number of windows is not that of the output.
 * @example
 * ```ts
 * import { nn, ones } from "wasmgrad";
 * console.log(nn.functional.fold(ones([1, 12, 4]), 4, 2, { stride: 2 }).shape); // [1, 3, 4, 4]
 * ```
 */
export function fold(x: Tensor, outputSize: Pair, kernelSize: Pair, options?: UnfoldOptions): Tensor {
  const size = checkPair("fold", "outputSize", outputSize, 1);
  const window = readUnfold("fold", kernelSize, options);
  expectTensor("fold", "x", x);
  if (x.dim() === 2) return fold(x.unsqueeze(0), outputSize, kernelSize, options).squeeze(0);
  const { kernel, dilation, padding, stride } = window;
  const taps = kernel[0] * kernel[1];
  const counts = windows("fold", size, window);
  if (x.dim() !== 3 || x.shape[1] % taps !== 0 || x.shape[2] !== counts[0] * counts[1]) {
    const expected = `[N,C·${taps},${counts[0] * counts[1]}]`;
    throw new ShapeError(`fold: expected ${expected} for an output of [${size}], got ${formatShape(x.shape)}`);
  }
  const channels = x.shape[1] / taps;
  const planes = x.reshape([x.shape[0] * channels, taps, ...counts]);
  const outputPadding = size.map(
    (length, d) => length - ((counts[d] - 1) * stride[d] - 2 * padding[d] + dilation[d] * (kernel[d] - 1) + 1),
  );
  const picks = eye(taps).reshape([taps, 1, ...kernel]);
  const images = convTranspose2d(planes, picks, null, { dilation, padding, stride, outputPadding });
  return images.reshape([x.shape[0], channels, ...size]);
}
