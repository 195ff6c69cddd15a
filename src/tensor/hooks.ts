import type { GradientHook } from "../autograd/graph.ts";
import { checkFunction } from "../checks.ts";
import { AutogradError } from "../errors.ts";
import { expectSameShape, type NDArray } from "../ops/core/array.ts";
import { expectTensor, wrap } from "./apply.ts";
import { hooksOfLeaf, setHooksOfLeaf } from "./leaf_hooks.ts";
import type { Tensor } from "./tensor.ts";

/** Sees the gradient of a tensor, and may return another one. */
// biome-ignore lint/suspicious/noConfusingVoidType: a hook that returns nothing is the usual one
export type TensorHook = (grad: Tensor) => Tensor | void;

/** A function registered with `registerHook`. */
export class Hook implements GradientHook {
  readonly #hook: TensorHook;

  constructor(hook: TensorHook) {
    this.#hook = hook;
  }

  onArray(grad: NDArray): NDArray {
    return this.onTensor(wrap(grad)).array;
  }

  onTensor(grad: Tensor): Tensor {
    const result = this.#hook(grad);
    if (result === undefined || result === null) return grad;
    expectTensor("registerHook", "the hook's result", result);
    expectSameShape("registerHook", "the hook's result", grad.shape, result.shape);
    return result;
  }
}

/** Registers a hook with a leaf or with the node of another tensor. */
export function addHook(tensor: Tensor, hook: TensorHook): { remove(): void } {
  checkFunction("registerHook", "hook", hook);
  if (!tensor.requiresGrad) {
    throw new AutogradError("registerHook: this tensor needs no gradient: set requiresGrad first");
  }
  const { node } = tensor.handle;
  const hooks = (node ? node.gradientHooks : hooksOfLeaf(tensor)) ?? [];
  if (node) node.gradientHooks = hooks;
  else setHooksOfLeaf(tensor, hooks);
  const own = new Hook(hook);
  hooks.push(own);
  return {
    remove() {
      const index = hooks.indexOf(own);
      if (index >= 0) hooks.splice(index, 1);
    },
  };
}

/** Tensors other than leaves whose `grad` is set. */
const retaining = new WeakSet<Tensor>();

/** Adds a hook that gives a tensor its gradient, as leaves have it. */
export function retainGrad(tensor: Tensor): void {
  if (!tensor.requiresGrad) throw new AutogradError("retainGrad: this tensor needs no gradient: it has no graph");
  if (tensor.isLeaf || retaining.has(tensor)) return;
  retaining.add(tensor);
  addHook(tensor, (grad) => {
    if (tensor.released) return;
    if (!grad.requiresGrad) tensor.accumulateGrad(grad.array);
    else tensor.grad = tensor.grad ? tensor.grad.add(grad) : grad;
  });
}
