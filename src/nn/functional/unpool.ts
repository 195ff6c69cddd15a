import { checkPair, type Pair, readOptions } from "../../checks.ts";
import { formatShape, OptionError, ShapeError } from "../../errors.ts";
import { expectSameShape } from "../../ops/core/array.ts";
import { expectTensor } from "../../tensor/apply.ts";
import { zeros } from "../../tensor/fill.ts";
import type { Tensor } from "../../tensor/tensor.ts";

export interface MaxUnpool2dOptions {
  /** Step of the pooling's window. Default: the kernel size. */
  stride?: Pair | null;
  /** Padding of the pooling. Default 0. */
  padding?: Pair;
  /**
   * Height and width of the result, or its whole shape: the pooling's input. Default: the smallest size that
   * pooling shrinks to the size of x.
   */
  outputSize?: readonly number[] | null;
}

/** Kernel, stride and padding, as pairs. */
export function checkUnpool(op: string, kernelSize: Pair, stride: Pair | null, padding: Pair) {
  const kernel = checkPair(op, "kernelSize", kernelSize, 1);
  return {
    kernel,
    stride: stride === null ? kernel : checkPair(op, "stride", stride, 1),
    padding: checkPair(op, "padding", padding, 0),
  };
}

/** The height and width of the result. */
function outputSizeOf(
  x: Tensor,
  { kernel, stride, padding }: ReturnType<typeof checkUnpool>,
  wanted: readonly number[] | null,
): number[] {
  const own = [0, 1].map((d) => (x.shape[x.dim() - 2 + d] - 1) * stride[d] + kernel[d] - 2 * padding[d]);
  if (wanted === null) return own;
  const size = Array.isArray(wanted) && wanted.length === x.dim() ? wanted.slice(-2) : wanted;
  const fits = (length: number, d: number) => Number.isInteger(length) && Math.abs(length - own[d]) < stride[d];
  if (!Array.isArray(size) || size.length !== 2 || !size.every(fits)) {
    throw new OptionError(
      `maxUnpool2d: outputSize expected ${formatShape(own)}, give or take less than the stride ${formatShape(stride)}, ` +
        `got ${JSON.stringify(wanted)}`,
    );
  }
  return size;
}

/**
 * The inverse of `maxPool2d`, as far as there is one: puts each value where the maximum was, and 0 elsewhere.
 * Matches `torch.nn.functional.max_unpool2d`.
 *
 * Height: `(H − 1)·stride − 2·padding + kernelSize`, width likewise; or `outputSize`.
 *
 * @param x [N, C, H, W] or [C, H, W]
 * @param indices the second result of `maxPool2d` with `returnIndices`, of the same shape
 * @param kernelSize that of the pooling: an integer or [height, width]
 * @throws ShapeError for other shapes; OptionError for an outputSize that does not fit, and for a position
 *   outside the result.
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * const { maxPool2d, maxUnpool2d } = nn.functional;
 * const x = tensor([[[1, 2], [4, 3]]]);
 * const [y, indices] = maxPool2d(x, 2, { returnIndices: true });
 * console.log(maxUnpool2d(y, indices, 2).toArray()); // [[[0, 0], [4, 0]]]
 * ```
 */
export function maxUnpool2d(x: Tensor, indices: Tensor, kernelSize: Pair, options?: MaxUnpool2dOptions): Tensor {
  const op = "maxUnpool2d";
  const { stride, padding, outputSize } = readOptions(op, options, {
    stride: null as Pair | null,
    padding: 0 as Pair,
    outputSize: null as readonly number[] | null,
  });
  const window = checkUnpool(op, kernelSize, stride, padding);
  expectTensor(op, "x", x);
  expectTensor(op, "indices", indices);
  if (x.dim() !== 3 && x.dim() !== 4) {
    throw new ShapeError(`${op}: x expected [N,C,H,W] or [C,H,W], got ${formatShape(x.shape)}`);
  }
  expectSameShape(op, "indices", x.shape, indices.shape);
  const [height, width] = outputSizeOf(x, window, outputSize);
  if (height < 1 || width < 1) {
    throw new ShapeError(`${op}: the result of ${formatShape(x.shape)} has no elements: [${height},${width}]`);
  }
  const leading = x.shape.slice(0, -2);
  const planes = leading.reduce((product, length) => product * length, 1);
  const pooled = [planes, x.shape.at(-2)! * x.shape.at(-1)!];
  return zeros([planes, height * width])
    .scatter(1, indices.reshape(pooled), x.reshape(pooled))
    .reshape([...leading, height, width]);
}
