import { addHook, retainGrad, type TensorHook } from "../hooks.ts";
import { asTensor } from "./base.ts";
import { TensorValues } from "./values.ts";

/** Methods that take part in backward passes. */
export abstract class TensorHooks extends TensorValues {
  /**
   * Calls `hook` in each backward pass with the complete gradient of this tensor. A tensor that it returns
   * replaces the gradient; it must have the same shape. Returns a handle whose `remove()` ends this. Matches
   * `Tensor.register_hook`.
   *
   * @throws AutogradError if this tensor needs no gradient.
   * @example
   * ```ts
   * import { tensor } from "wasmgrad";
   * const x = tensor([1, 2], { requiresGrad: true });
   * const hook = x.registerHook((grad) => grad.clamp({ max: 3 }));
   * x.square().sum().backward();
   * console.log(x.grad?.toArray()); // [2, 3]
   * hook.remove();
   * ```
   */
  registerHook(hook: TensorHook): { remove(): void } {
    return addHook(asTensor(this), hook);
  }

  /**
   * Lets `backward()` set `grad` of this tensor although it is no leaf. It adds up over several passes, as
   * that of leaves. Matches `Tensor.retain_grad`.
   *
   * @throws AutogradError if this tensor needs no gradient.
   * @example
   * ```ts
   * import { tensor } from "wasmgrad";
   * const y = tensor([1, 2], { requiresGrad: true }).mul(3);
   * y.retainGrad();
   * y.square().sum().backward();
   * console.log(y.grad?.toArray()); // [6, 12]
   * ```
   */
  retainGrad(): void {
    retainGrad(asTensor(this));
  }
}
