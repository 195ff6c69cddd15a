import { checkBoolean, checkChoice, checkInteger, describe, readOptions } from "../../checks.ts";
import { formatShape, OptionError, ShapeError } from "../../errors.ts";
import { expectTensor } from "../../tensor/apply.ts";
import { arange, ones } from "../../tensor/fill.ts";
import { cat } from "../../tensor/functions.ts";
import type { Tensor } from "../../tensor/tensor.ts";

export interface GridSampleOptions {
  /** "bilinear" (the default) or "nearest". */
  mode?: "bilinear" | "nearest";
  /** Values outside of the image: "zeros" (the default), those of the "border", or by "reflection" at it. */
  paddingMode?: "zeros" | "border" | "reflection";
  /**
   * Whether -1 and 1 are the centers of the outermost pixels, rather than their outer edges. Default false.
   */
  alignCorners?: boolean;
}

/** Positions -1 to 1 of `length` pixels. */
function centers(length: number, alignCorners: boolean): Tensor {
  const numbers = arange(0, length, 1, { dtype: "float32" });
  if (alignCorners) return length === 1 ? numbers : numbers.mul(2 / (length - 1)).sub(1);
  return numbers.mul(2 / length).add(1 / length - 1);
}

/**
 * The positions at which an affine map looks, for `gridSample`: theta [N,2,3] gives [N,H,W,2], with (x, y)
 * from -1 to 1. Matches `torch.nn.functional.affine_grid`, for images.
 *
 * @param size [N,C,H,W] of the result; @param options `alignCorners` false
 * @throws ShapeError when theta is not [N,2,3].
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
  if (!Array.isArray(size) || size.length !== 4)
    throw new OptionError(`${op}: size expected [N,C,H,W], got ${describe(size)}`);
  for (const length of size) checkInteger(op, "size", length, 1);
  const [batch, , height, width] = size;
  if (formatShape(theta.shape) !== formatShape([batch, 2, 3])) {
    throw new ShapeError(`${op}: theta expected ${formatShape([batch, 2, 3])}, got ${formatShape(theta.shape)}`);
  }
  const x = centers(width, alignCorners).unsqueeze(0).expand([height, width]);
  const y = centers(height, alignCorners).unsqueeze(1).expand([height, width]);
  const base = cat(
    [x, y, ones([height, width])].map((part) => part.reshape([-1, 1])),
    1,
  );
  return base.matmul(theta.transpose(1, 2)).reshape([batch, height, width, 2]);
}

/** Reflects positions at `low` and `low + span`. */
function reflect(x: Tensor, low: number, span: number): Tensor {
  if (span === 0) return x.mul(0);
  const distance = x.sub(low).abs();
  const flips = distance.detach().div(span).floor();
  const rest = distance.sub(flips.mul(span));
  const isEven = flips.sub(flips.div(2).floor().mul(2)).eq(0);
  return rest.where(isEven, rest.neg().add(span)).add(low);
}

/** Pixel positions from positions between -1 and 1. */
function pixels(x: Tensor, length: number, { paddingMode, alignCorners }: Required<GridSampleOptions>): Tensor {
  const scaled = alignCorners
    ? x.add(1).mul((length - 1) / 2)
    : x
        .add(1)
        .mul(length / 2)
        .sub(0.5);
  if (paddingMode === "zeros") return scaled;
  const inside =
    paddingMode === "border" ? scaled : alignCorners ? reflect(scaled, 0, length - 1) : reflect(scaled, -0.5, length);
  return inside.clamp({ min: 0, max: length - 1 });
}

/**
 * Reads an image at positions between its pixels: x [N,C,H,W] and grid [N,Ho,Wo,2] of (x, y) from -1 to 1
 * give [N,C,Ho,Wo]. Image and grid get gradients. Matches `torch.nn.functional.grid_sample`, for images,
 * "bilinear" and "nearest".
 *
 * @param options `mode` "bilinear", `paddingMode` "zeros", `alignCorners` false
 * @throws ShapeError when the shapes do not fit.
 * see: Jaderberg et al., Spatial transformer networks, 2015
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * const x = tensor([[[[1, 2], [3, 4]]]]);
 * console.log(nn.functional.gridSample(x, tensor([[[[0, 0]]]])).item()); // 2.5: the mean
 * ```
 */
export function gridSample(x: Tensor, grid: Tensor, options?: GridSampleOptions): Tensor {
  const op = "gridSample";
  const defaults: Required<GridSampleOptions> = { mode: "bilinear", paddingMode: "zeros", alignCorners: false };
  const read = readOptions(op, options, defaults);
  checkChoice(op, "mode", read.mode, ["bilinear", "nearest"]);
  checkChoice(op, "paddingMode", read.paddingMode, ["zeros", "border", "reflection"]);
  checkBoolean(op, "alignCorners", read.alignCorners);
  expectTensor(op, "x", x);
  expectTensor(op, "grid", grid);
  if (x.dim() !== 4 || grid.dim() !== 4 || grid.shape[3] !== 2 || grid.shape[0] !== x.shape[0]) {
    const shapes = `${formatShape(x.shape)} and ${formatShape(grid.shape)}`;
    throw new ShapeError(`${op}: expected [N,C,H,W] and a grid [N,Ho,Wo,2], got ${shapes}`);
  }
  const [batch, channels, height, width] = x.shape;
  const [, rows, columns] = grid.shape;
  const count = rows * columns;
  const column = pixels(grid.select(3, 0), width, read).reshape([batch, count]);
  const row = pixels(grid.select(3, 1), height, read).reshape([batch, count]);
  const planes = x.reshape([batch, channels, height * width]);
  /** The pixels at whole positions, 0 outside. */
  const at = (r: Tensor, c: Tensor): Tensor => {
    const inside = r
      .ge(0)
      .logicalAnd(r.le(height - 1))
      .logicalAnd(c.ge(0))
      .logicalAnd(c.le(width - 1));
    const index = r
      .clamp({ min: 0, max: height - 1 })
      .mul(width)
      .add(c.clamp({ min: 0, max: width - 1 }))
      .int();
    const values = planes.gather(2, index.unsqueeze(1).expand([batch, channels, count]));
    return values.where(inside.unsqueeze(1), 0);
  };
  const shape = [batch, channels, rows, columns];
  if (read.mode === "nearest") return at(row.detach().round(), column.detach().round()).reshape(shape);
  const [top, left] = [row.detach().floor(), column.detach().floor()];
  const [down, right] = [row.sub(top).unsqueeze(1), column.sub(left).unsqueeze(1)];
  const [up, back] = [down.neg().add(1), right.neg().add(1)];
  const upper = at(top, left)
    .mul(back)
    .add(at(top, left.add(1)).mul(right))
    .mul(up);
  const lower = at(top.add(1), left)
    .mul(back)
    .add(at(top.add(1), left.add(1)).mul(right))
    .mul(down);
  return upper.add(lower).reshape(shape);
}
