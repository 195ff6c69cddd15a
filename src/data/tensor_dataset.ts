import { checkInteger } from "../checks.ts";
import { formatShape, OptionError, ShapeError } from "../errors.ts";
import { copyRows } from "../ops/movement/rows.ts";
import { leaf } from "../tensor/leaf.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { Dataset } from "./dataset.ts";

/** A tuple with one tensor for each element of `T`. */
export type TensorTuple<T extends readonly Tensor[]> = { [K in keyof T]: Tensor };

/**
 * A data set of tensors that have one row per sample: sample i consists of row i of each tensor. Matches
 * `torch.utils.data.TensorDataset`. Rows are copies without gradient.
 *
 * @throws ShapeError for a scalar or for tensors of different lengths; OptionError without tensors, or for a
 * value that is not a tensor.
 * @example
 * ```ts
 * import { tensor } from "wasmgrad";
 * import { TensorDataset } from "wasmgrad/data";
 * const set = new TensorDataset(tensor([[1, 2], [3, 4]]), tensor([7, 8]));
 * const [x, y] = set.get(1);
 * console.log(set.length, x.toArray(), y.item()); // 2 [3, 4] 8
 * ```
 */
export class TensorDataset<T extends readonly Tensor[]> implements Dataset<TensorTuple<T>, TensorTuple<T>> {
  readonly tensors: T;
  readonly length: number;

  constructor(...tensors: T) {
    if (tensors.length === 0 || !tensors.every((t) => t instanceof Tensor)) {
      throw new OptionError("TensorDataset: expected one tensor or more");
    }
    const [first] = tensors;
    if (tensors.some(({ shape }) => shape.length === 0 || shape[0] !== first.shape[0])) {
      const actual = tensors.map(({ shape }) => formatShape(shape)).join(", ");
      throw new ShapeError(`TensorDataset: expected tensors with the same first dimension, got ${actual}`);
    }
    this.tensors = tensors;
    this.length = first.shape[0];
  }

  get(index: number): TensorTuple<T> {
    checkInteger("TensorDataset", "index", index, 0, this.length - 1);
    const row = ({ array }: Tensor) => leaf(() => copyRows(array, [index]).withShape(array.shape.slice(1)));
    return this.tensors.map(row) as unknown as TensorTuple<T>;
  }

  batch(indices: readonly number[]): TensorTuple<T> {
    for (const index of indices) checkInteger("TensorDataset", "index", index, 0, this.length - 1);
    return this.tensors.map(({ array }) => leaf(() => copyRows(array, indices))) as unknown as TensorTuple<T>;
  }
}
