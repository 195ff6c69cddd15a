import { readOptions } from "../../checks.ts";
import { Embedding, OneHot } from "../../ops/movement/indexing.ts";
import { apply } from "../../tensor/apply.ts";
import type { Tensor } from "../../tensor/tensor.ts";

export interface EmbeddingOptions {
  /**
   * A row of `weight` that gets no gradient; negative values count from the end. Default null: every row gets
   * a gradient.
   */
  paddingIdx?: number | null;
}

/**
 * Looks up rows of `weight` `[V,D]` by `index` `[...]` (int32). The result is `[...,D]`. If a row occurs
 * several times, its gradients are added in the order of the index. Matches `torch.nn.functional.embedding`.
 *
 * @throws OptionError for an index outside [0, V); DTypeError when it is not int32.
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * const weight = tensor([[0, 1], [10, 11], [20, 21]]);
 * console.log(nn.functional.embedding(tensor([2, 0], { dtype: "int32" }), weight).toArray()); // [[20, 21], [0, 1]]
 * ```
 */
export function embedding(index: Tensor, weight: Tensor, options?: EmbeddingOptions): Tensor {
  const { paddingIdx } = readOptions("embedding", options, { paddingIdx: null as number | null });
  return apply(new Embedding(paddingIdx), index, weight);
}

/**
 * For each index (int32), a vector of `numClasses` int32 zeros with a one at that index: `[...,numClasses]`.
 * Matches `torch.nn.functional.one_hot`.
 *
 * @param numClasses default -1: the largest index plus one
 * @throws OptionError for an index outside [0, numClasses).
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * console.log(nn.functional.oneHot(tensor([1, 0], { dtype: "int32" }), 3).toArray()); // [[0, 1, 0], [1, 0, 0]]
 * ```
 */
export function oneHot(index: Tensor, numClasses = -1): Tensor {
  return apply(new OneHot(numClasses), index);
}
