import { checkFunction, checkInteger, describeReturned, readOptions } from "../checks.ts";
import { formatShape, OptionError, ShapeError } from "../errors.ts";
import { copyRows } from "../ops/movement/rows.ts";
import { leaf } from "../tensor/leaf.ts";
import { scope } from "../tensor/lifetime/scoped.ts";
import { Tensor } from "../tensor/tensor.ts";
import { isPlainObject } from "../typed_arrays.ts";
import type { Dataset } from "./dataset.ts";

/** A tuple with one tensor for each element of `T`. */
export type TensorTuple<T extends readonly Tensor[]> = { [K in keyof T]: Tensor };

export interface TensorDatasetOptions {
  /**
   * Applied to the rows of the first tensor, as a batch [B, ...]; see `transforms` of `wasmgrad/vision`. It
   * must keep the first dimension. A single sample is a batch of one.
   */
  transform?: (rows: Tensor) => Tensor;
}

/**
 * A data set of tensors that have one row per sample: sample i consists of row i of each tensor. Matches
 * `torch.utils.data.TensorDataset`. Rows are copies without gradient. The last argument may be options:
 * `transform`, a function of batches of the first tensor's rows.
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
 * const scaled = new TensorDataset(tensor([[1, 2], [3, 4]]), { transform: (rows) => rows.div(4) });
 * console.log(scaled.batch([1, 0])[0].toArray()); // [[0.75, 1], [0.25, 0.5]]
 * ```
 */
export class TensorDataset<T extends readonly Tensor[]> implements Dataset<TensorTuple<T>, TensorTuple<T>> {
  readonly tensors: T;
  readonly length: number;

  readonly #transform: ((rows: Tensor) => Tensor) | undefined;

  constructor(...tensors: T);
  constructor(...tensorsAndOptions: [...tensors: T, options: TensorDatasetOptions]);
  constructor(...given: readonly (Tensor | TensorDatasetOptions)[]) {
    const last = given.at(-1);
    const options = isPlainObject(last) ? (last as TensorDatasetOptions) : undefined;
    const tensors = (options ? given.slice(0, -1) : given) as unknown as T;
    const { transform } = readOptions("TensorDataset", options, {
      transform: undefined as TensorDatasetOptions["transform"],
    });
    if (transform !== undefined) checkFunction("TensorDataset", "transform", transform);
    this.#transform = transform;
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
    return scope(() => {
      const row = ({ array }: Tensor) => leaf(() => array.withShape(array.shape.slice(1)));
      return this.batch([index]).map(row) as unknown as TensorTuple<T>;
    });
  }

  batch(indices: readonly number[]): TensorTuple<T> {
    for (const index of indices) checkInteger("TensorDataset", "index", index, 0, this.length - 1);
    return scope(() => {
      const rows = this.tensors.map(({ array }) => leaf(() => copyRows(array, indices)));
      if (this.#transform) rows[0] = this.#transformed(this.#transform, rows[0]);
      return rows as unknown as TensorTuple<T>;
    });
  }

  #transformed(transform: (rows: Tensor) => Tensor, rows: Tensor): Tensor {
    const result: unknown = transform(rows);
    if (!(result instanceof Tensor)) {
      throw new OptionError(`TensorDataset: transform expected to return a tensor, got ${describeReturned(result)}`);
    }
    if (result.shape[0] === rows.shape[0]) return result;
    throw new ShapeError(
      `TensorDataset: transform expected to keep the first dimension, ${rows.shape[0]} rows, got ` +
        `${formatShape(result.shape)} from ${formatShape(rows.shape)}`,
    );
  }
}
