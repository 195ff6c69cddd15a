import { Conv2dOp, Conv2dReluPoolOp, ConvTranspose2dOp } from "../../gradients/rules/conv.ts";
import { choosePooled } from "../../ops/conv/choose.ts";
import { conv2dGeometry } from "../../ops/conv/geometry.ts";
import { apply, expectTensor } from "../../tensor/apply.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { ReLU } from "../layers/activation.ts";
import { Conv2d, ConvTranspose2d } from "../layers/conv.ts";
import { MaxPool2d } from "../layers/pooling.ts";
import type { Module } from "../module.ts";

/** The result of several modules computed in one pass, and the number of these modules. */
interface Fused {
  y: Tensor;
  modules: number;
}

/**
 * Whether a module has exactly this class (not a subclass) and its original `forward`, so that its
 * computation is known.
 */
function isPlain<T extends Module>(
  module: Module | undefined,
  type: abstract new (...args: never[]) => T,
): module is T {
  return module?.constructor === type && module.forward === type.prototype.forward;
}

/** Whether a module is 2x2 max pooling of stride 2 without padding. */
function isPooling2x2(module: Module | undefined): boolean {
  if (!isPlain(module, MaxPool2d)) return false;
  const { stride, padding = 0, dilation = 1, ceilMode = false } = module.options;
  const is = (pair: number | readonly number[], value: number) =>
    typeof pair === "number" ? pair === value : pair.every((length) => length === value);
  return is(module.kernelSize, 2) && is(stride ?? 2, 2) && is(padding, 0) && is(dilation, 1) && !ceilMode;
}

/**
 * Computes a convolution, ReLU and 2x2 max pooling in one pass. Returns null if no algorithm supports this
 * for these sizes.
 */
function convReluPool({ window, weight, bias }: Conv2d, x: Tensor): Tensor | null {
  expectTensor("conv2d", "x", x);
  if (x.shape.length !== 4 || weight.shape.length !== 4) return null;
  const g = conv2dGeometry("conv2d", x.shape, weight.shape, window);
  const algorithm = choosePooled(g);
  return algorithm && apply(new Conv2dReluPoolOp(window, g, algorithm), x, weight, bias);
}

/**
 * Computes several modules, from index `first` on, in one pass, with the same result as the separate modules.
 * Returns null if there is no such pass.
 */
export function forwardFused(modules: Readonly<Record<number, Module>>, first: number, x: Tensor): Fused | null {
  const module = modules[first];
  if (!isPlain(modules[first + 1], ReLU)) return null;
  if (isPlain(module, Conv2d)) {
    const pooled = isPooling2x2(modules[first + 2]) ? convReluPool(module, x) : null;
    if (pooled) return { y: pooled, modules: 3 };
    return { y: apply(new Conv2dOp(module.window, true), x, module.weight, module.bias), modules: 2 };
  }
  if (isPlain(module, ConvTranspose2d)) {
    return { y: apply(new ConvTranspose2dOp(module.window, true), x, module.weight, module.bias), modules: 2 };
  }
  return null;
}
