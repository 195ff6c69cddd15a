import {
  Elu,
  type EluOptions,
  Gelu,
  type GeluOptions,
  LeakyRelu,
  type LeakyReluOptions,
  Softplus,
  type SoftplusOptions,
  Unary,
} from "../../ops/elementwise/unary.ts";
import { apply } from "../../tensor/apply.ts";
import type { Tensor } from "../../tensor/tensor.ts";

export type { EluOptions, GeluOptions, LeakyReluOptions, SoftplusOptions };

/**
 * `max(x, 0)`. The gradient at 0 is 0. Matches `torch.nn.functional.relu`.
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * console.log(nn.functional.relu(tensor([-1, 0, 2])).toArray()); // [0, 0, 2]
 * ```
 */
export function relu(x: Tensor): Tensor {
  return apply(new Unary("relu"), x);
}

/**
 * `x` where it is positive, else `negativeSlope * x`. Matches `torch.nn.functional.leaky_relu`.
 * @param options `negativeSlope` (default 0.01)
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * console.log(nn.functional.leakyRelu(tensor([-10, 2]), { negativeSlope: 0.5 }).toArray()); // [-5, 2]
 * ```
 */
export function leakyRelu(x: Tensor, options?: LeakyReluOptions): Tensor {
  return apply(new LeakyRelu(options), x);
}

/**
 * `x` where it is positive, else `alpha * (e^x - 1)`. Matches `torch.nn.functional.elu`.
 * @param options `alpha` (default 1)
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * console.log(nn.functional.elu(tensor([-100, 2])).toArray()); // [-1, 2]
 * ```
 */
export function elu(x: Tensor, options?: EluOptions): Tensor {
  return apply(new Elu(options), x);
}

/**
 * Gaussian error linear unit: `x Φ(x)`, where Φ is the standard normal distribution function. Matches
 * `torch.nn.functional.gelu`. The absolute error is at most 3e-7. Below -5 the result is close to 0, so only
 * a few of its digits are correct, as in PyTorch.
 * @param options `approximate`: "none" (default), or "tanh" for `x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2`
 * @see Hendrycks and Gimpel 2016, https://arxiv.org/abs/1606.08415
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * console.log(nn.functional.gelu(tensor([-1, 0, 1]), { approximate: "tanh" }).toArray());
 * ```
 */
export function gelu(x: Tensor, options?: GeluOptions): Tensor {
  return apply(new Gelu(options), x);
}

/**
 * `x / (1 + e^-x)`, also called swish. Matches `torch.nn.functional.silu`.
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * console.log(nn.functional.silu(tensor([-1, 0, 1])).toArray());
 * ```
 */
export function silu(x: Tensor): Tensor {
  return apply(new Unary("silu"), x);
}

/**
 * `1 / (1 + e^-x)`. Matches `torch.nn.functional.sigmoid`.
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * console.log(nn.functional.sigmoid(tensor([-200, 0, 200])).toArray()); // [0, 0.5, 1]
 * ```
 */
export function sigmoid(x: Tensor): Tensor {
  return apply(new Unary("sigmoid"), x);
}

/**
 * Hyperbolic tangent. Matches `torch.nn.functional.tanh`.
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * console.log(nn.functional.tanh(tensor([-200, 0, 200])).toArray()); // [-1, 0, 1]
 * ```
 */
export function tanh(x: Tensor): Tensor {
  return apply(new Unary("tanh"), x);
}

/**
 * A smooth relu: `ln(1 + e^(beta x)) / beta`. Matches `torch.nn.functional.softplus`.
 * @param options `beta` (default 1); `threshold` (default 20): the result is `x` where `beta x` exceeds it
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * console.log(nn.functional.softplus(tensor([-200, 0, 200])).toArray());
 * ```
 */
export function softplus(x: Tensor, options?: SoftplusOptions): Tensor {
  return apply(new Softplus(options), x);
}
