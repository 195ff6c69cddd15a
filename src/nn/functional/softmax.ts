import { LogSoftmax, Softmax } from "../../ops/loss/softmax.ts";
import { apply } from "../../tensor/apply.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/**
 * `e^x / Σ e^x` along `dim`. The maximum is subtracted first, so that nothing overflows. Matches
 * `torch.nn.functional.softmax`.
 *
 * @throws OptionError when `dim` is out of range.
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * console.log(nn.functional.softmax(tensor([[1, 2, 3]]), 1).toArray()); // [[0.0900, 0.2447, 0.6652]]
 * ```
 */
export function softmax(x: Tensor, dim: number): Tensor {
  return apply(new Softmax(dim), x);
}

/**
 * `x - log Σ e^x` along `dim`: the logarithm of softmax, accurate even where softmax underflows to 0. Matches
 * `torch.nn.functional.log_softmax`.
 *
 * @throws OptionError when `dim` is out of range.
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * console.log(nn.functional.logSoftmax(tensor([0, 1000]), 0).toArray()); // [-1000, 0]
 * ```
 */
export function logSoftmax(x: Tensor, dim: number): Tensor {
  return apply(new LogSoftmax(dim), x);
}
