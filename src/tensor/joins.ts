import { checkChoice, readOptions } from "../checks.ts";
import { OptionError, ShapeError } from "../errors.ts";
import { cat, expectTensors, stack } from "./functions.ts";
import type { Tensor } from "./tensor.ts";

/** Adds dimensions of length 1 in front up to `rank`. */
function atLeast(x: Tensor, rank: number): Tensor {
  return x.dim() >= rank ? x : x.reshape([...new Array<number>(rank - x.dim()).fill(1), ...x.shape]);
}

/**
 * Joins along dimension 1; vectors and scalars along dimension 0. Matches `torch.hstack`.
 * @example
 * ```ts
 * import { hstack, tensor } from "wasmgrad";
 * console.log(hstack([tensor([1, 2]), tensor([3])]).toArray()); // [1, 2, 3]
 * ```
 */
export function hstack(tensors: readonly Tensor[]): Tensor {
  expectTensors("hstack", tensors);
  const parts = tensors.map((x) => atLeast(x, 1));
  return cat(parts, parts[0].dim() === 1 ? 0 : 1);
}

/**
 * Joins along dimension 0; vectors become rows. Matches `torch.vstack`.
 * @example
 * ```ts
 * import { tensor, vstack } from "wasmgrad";
 * console.log(vstack([tensor([1, 2]), tensor([3, 4])]).toArray()); // [[1, 2], [3, 4]]
 * ```
 */
export function vstack(tensors: readonly Tensor[]): Tensor {
  expectTensors("vstack", tensors);
  const parts = tensors.map((x) => atLeast(x, 2));
  return cat(parts, 0);
}

export interface MeshgridOptions {
  /** "ij" (the default): dimension i belongs to tensor i; "xy": the first two dimensions are exchanged. */
  indexing?: "ij" | "xy";
}

/**
 * A grid of coordinates: each vector repeated along the dimensions of the others. Matches `torch.meshgrid`.
 * @example
 * ```ts
 * import { meshgrid, tensor } from "wasmgrad";
 * const [y, x] = meshgrid([tensor([0, 1]), tensor([5, 6, 7])]);
 * console.log(y.toArray(), x.toArray()); // [[0, 0, 0], [1, 1, 1]] [[5, 6, 7], [5, 6, 7]]
 * ```
 */
export function meshgrid(tensors: readonly Tensor[], options?: MeshgridOptions): Tensor[] {
  expectTensors("meshgrid", tensors);
  const { indexing } = readOptions<Required<MeshgridOptions>>("meshgrid", options, { indexing: "ij" });
  checkChoice("meshgrid", "indexing", indexing, ["ij", "xy"]);
  if (tensors.some((x) => x.dim() > 1)) {
    throw new ShapeError(`meshgrid: expected vectors, got ${tensors.map((x) => `[${x.shape}]`).join(", ")}`);
  }
  const shape = tensors.map((x) => x.numel());
  const grids = tensors.map((x, d) => x.reshape(shape.map((_, i) => (i === d ? -1 : 1))).expand(shape));
  return indexing === "xy" && tensors.length > 1 ? grids.map((grid) => grid.transpose(0, 1)) : grids;
}

/**
 * All combinations of the elements of vectors, one a row. Matches `torch.cartesian_prod`.
 * @example
 * ```ts
 * import { cartesianProd, tensor } from "wasmgrad";
 * console.log(cartesianProd(tensor([1, 2]), tensor([5, 6])).toArray()); // [[1, 5], [1, 6], [2, 5], [2, 6]]
 * ```
 */
export function cartesianProd(...tensors: Tensor[]): Tensor {
  if (tensors.length === 0) throw new OptionError("cartesianProd: expected at least one tensor");
  if (tensors.length === 1) return tensors[0];
  const columns = meshgrid(tensors).map((grid) => grid.flatten());
  return stack(columns, 1);
}
