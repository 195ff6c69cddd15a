import type { Tensor } from "../../tensor/tensor.ts";
import { ReLU } from "../layers/activation.ts";
import { Conv2d, ConvTranspose2d } from "../layers/conv.ts";
import { MaxPool2d } from "../layers/pooling.ts";
import type { Module } from "../module.ts";

/** What a run of modules computed in one pass, and how many they were. */
interface Fused {
  y: Tensor;
  modules: number;
}

/** True for a module of just this class, whose forward nobody has replaced: what it computes is known. */
function isPlain<T extends Module>(
  module: Module | undefined,
  type: abstract new (...args: never[]) => T,
): module is T {
  return module?.constructor === type && module.forward === type.prototype.forward;
}

/** Max pooling 2x2 of stride 2, without padding. */
function isPooling2x2(module: Module | undefined): boolean {
  if (!isPlain(module, MaxPool2d)) return false;
  const { stride, padding = 0, dilation = 1, ceilMode = false } = module.options;
  const is = (pair: number | readonly number[], value: number) =>
    typeof pair === "number" ? pair === value : pair.every((length) => length === value);
  return is(module.kernelSize, 2) && is(stride ?? 2, 2) && is(padding, 0) && is(dilation, 1) && !ceilMode;
}

/**
 * Runs modules from number `first` on as one pass where there is one that gives what they
 * give one after the other.
 */
export function forwardFused(modules: Readonly<Record<number, Module>>, first: number, x: Tensor): Fused | null {
  const module = modules[first];
  if (!isPlain(modules[first + 1], ReLU)) return null;
  if (isPlain(module, Conv2d)) {
    const pooled = isPooling2x2(modules[first + 2]) ? module.forwardReluPool(x) : null;
    return pooled ? { y: pooled, modules: 3 } : { y: module.forwardRelu(x), modules: 2 };
  }
  return isPlain(module, ConvTranspose2d) ? { y: module.forwardRelu(x), modules: 2 } : null;
}
