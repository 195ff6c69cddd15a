import { checkBoolean, checkInteger, describe, readOptions } from "../../checks.ts";
import { formatShape, OptionError, ShapeError } from "../../errors.ts";
import { GridSampleOp } from "../../gradients/rules/grid_sample.ts";
import type { GridSampleOptions } from "../../ops/image/grid_sample.ts";
import { apply, expectTensor } from "../../tensor/apply.ts";
import { arange, ones } from "../../tensor/fill.ts";
import { stack } from "../../tensor/functions.ts";
import type { Tensor } from "../../tensor/tensor.ts";

export type { GridSampleOptions };

/** Positions -1 to 1 of `length` pixels. */
function centers(length: number, alignCorners: boolean): Tensor {
  const numbers = arange(0, length, 1, { dtype: "float32" });
  if (alignCorners) return length === 1 ? numbers : numbers.mul(2 / (length - 1)).sub(1);
  return numbers.mul(2 / length).add(1 / length - 1);
}

/**
 * The positions at which an affine map looks, for `gridSample`: theta [N,2,3] gives [N,H,W,2], with (x, y)
 * from -1 to 1; theta [N,3,4] of volumes gives [N,D,H,W,3], with (x, y, z). Matches
 * `torch.nn.functional.affine_grid`.
 *
 * @param size [N,C,H,W] or [N,C,D,H,W] of the result; @param options `alignCorners` false
 * @throws ShapeError when theta is not [N,2,3] or [N,3,4]; OptionError for a bad size.
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * const theta = tensor([[[1, 0, 0], [0, 1, 0]]]); // the identity
 * console.log(nn.functional.affineGrid(theta, [1, 1, 2, 2]).select(3, 0).toArray()); // [[[-0.5, 0.5], [-0.5, 0.5]]]
 * ```
 */
export function affineGrid(theta: Tensor, size: readonly number[], options?: { alignCorners?: boolean }): Tensor {
  const op = "affineGrid";
  const { alignCorners } = readOptions(op, options, { alignCorners: false });
  checkBoolean(op, "alignCorners", alignCorners);
  expectTensor(op, "theta", theta);
  if (!Array.isArray(size) || (size.length !== 4 && size.length !== 5)) {
    throw new OptionError(`${op}: size expected [N,C,H,W] or [N,C,D,H,W], got ${describe(size)}`);
  }
  for (const length of size) checkInteger(op, "size", length, 1);
  const [batch, , ...lengths] = size as number[];
  const dims = lengths.length;
  if (formatShape(theta.shape) !== formatShape([batch, dims, dims + 1])) {
    const expected = formatShape([batch, dims, dims + 1]);
    throw new ShapeError(`${op}: theta expected ${expected}, got ${formatShape(theta.shape)}`);
  }
  // x belongs to the last dimension
  const coordinates = lengths.map((length, d) => {
    const shape = lengths.map((_, other) => (other === d ? length : 1));
    return centers(length, alignCorners).reshape(shape).expand(lengths);
  });
  const base = stack([...coordinates.reverse(), ones(lengths)], dims).reshape([-1, dims + 1]);
  return base.matmul(theta.transpose(1, 2)).reshape([batch, ...lengths, dims]);
}

/**
 * Reads an image at positions between its pixels: x [N,C,H,W] and grid [N,Ho,Wo,2] of (x, y) from -1 to 1
 * give [N,C,Ho,Wo]. Volumes too: [N,C,D,H,W] and a grid [N,Do,Ho,Wo,3] of (x, y, z) give [N,C,Do,Ho,Wo].
 * Image and grid get gradients. Matches `torch.nn.functional.grid_sample`.
 *
 * @param options `mode` "bilinear", `paddingMode` "zeros", `alignCorners` false
 * @throws ShapeError when the shapes do not fit; OptionError for "bicubic" of volumes.
 * see: Jaderberg et al., Spatial transformer networks, 2015
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * const x = tensor([[[[1, 2], [3, 4]]]]);
 * console.log(nn.functional.gridSample(x, tensor([[[[0, 0]]]])).item()); // 2.5: the mean
 * ```
 */
export function gridSample(x: Tensor, grid: Tensor, options?: GridSampleOptions): Tensor {
  expectTensor("gridSample", "x", x);
  expectTensor("gridSample", "grid", grid);
  return apply(new GridSampleOp(options), x, grid);
}
