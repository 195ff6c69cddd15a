import { flattenedShape, Reshape, resolveShape, unsqueezedShape } from "../ops/movement/reshape.ts";
import { exchanged, narrowed, permuted, View } from "../ops/movement/view.ts";
import { apply } from "./apply.ts";
import type { Tensor } from "./tensor.ts";

/**
 * The same elements in another shape; one size may be -1 and is then inferred. Shares memory. Matches
 * `torch.reshape`.
 */
export function reshape(x: Tensor, shape: readonly number[]): Tensor {
  return apply(new Reshape("reshape", { shape }, (before) => resolveShape("reshape", before, shape)), x);
}

/** Merges dimensions `startDim` to `endDim` into one. Matches `torch.flatten`. */
export function flatten(x: Tensor, startDim = 0, endDim = -1): Tensor {
  const shapeOf = (before: readonly number[]) => flattenedShape("flatten", before, startDim, endDim);
  return apply(new Reshape("flatten", { startDim, endDim }, shapeOf), x);
}

/** Inserts a dimension of length 1 at `dim`. Matches `torch.unsqueeze`. */
export function unsqueeze(x: Tensor, dim: number): Tensor {
  return apply(new Reshape("unsqueeze", { dim }, (before) => unsqueezedShape("unsqueeze", before, dim)), x);
}

/** Reorders the dimensions: dimension i of the result is `dims[i]` of x. Matches `torch.permute`. */
export function permute(x: Tensor, dims: readonly number[]): Tensor {
  return apply(new View("permute", { dims }, (shape) => permuted("permute", shape, dims)), x);
}

/** Exchanges two dimensions. Matches `torch.transpose`. */
export function transpose(x: Tensor, dim0: number, dim1: number): Tensor {
  const regionOf = (shape: readonly number[]) =>
    permuted("transpose", shape, exchanged("transpose", shape.length, dim0, dim1));
  return apply(new View("transpose", { dim0, dim1 }, regionOf), x);
}

/** Positions `start` to `start + length - 1` of a dimension. Matches `torch.narrow`. */
export function narrow(x: Tensor, dim: number, start: number, length: number): Tensor {
  return apply(new View("narrow", { dim, start, length }, (shape) => narrowed("narrow", shape, dim, start, length)), x);
}
