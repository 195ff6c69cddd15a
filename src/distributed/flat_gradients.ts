import { ELEMENTWISE_GRAIN, empty } from "../ops/core/array.ts";
import { launch } from "../ops/optim/kernels.ts";
import { type Address, offset } from "../runtime/address.ts";
import { withFrame } from "../runtime/frame.ts";
import { kernels } from "../runtime/kernels.ts";
import { f32View } from "../runtime/memory.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { FlatVector } from "./vector_pool.ts";

/**
 * The most numbers of a step, such as the loss. Their place in a vector does not depend on how many there
 * are.
 */
export const MOST_NUMBERS = 32;

/** Integer buffers, such as a count of batches, keep their bits in a float32 up to this change per step. */
type IntegerValues = readonly Int32Array[];

/**
 * How everything that shards add up lies in one vector of float32:
 *
 * ```text
 * gradients of the parameters | float buffers | changes of integer buffers | numbers of the step | used flags
 * ```
 *
 * A shard has gradients of its loss times its weight, its buffers and numbers times its weight, and 1 as the
 * flag of each parameter that has a gradient. So the sum has the gradients, the means of the buffers (as
 * updates of running statistics are linear, the mean of the updates) and of the numbers, and whether any
 * shard used a parameter. Integer buffers are those of shard 0.
 */
export class FlatGradients {
  readonly length: number;
  readonly #parameters: readonly Tensor[];
  readonly #floats: readonly Tensor[];
  readonly #integers: readonly Tensor[];
  /** Where the float buffers begin, and where the rest begins, which is small. */
  readonly #floatsAt: number;
  readonly #restAt: number;

  constructor(parameters: readonly Tensor[], buffers: readonly Tensor[]) {
    this.#parameters = parameters;
    this.#floats = buffers.filter(({ dtype }) => dtype === "float32");
    this.#integers = buffers.filter(({ dtype }) => dtype !== "float32");
    this.#floatsAt = elementsOf(parameters);
    this.#restAt = this.#floatsAt + elementsOf(this.#floats);
    this.length = this.#restAt + elementsOf(this.#integers) + MOST_NUMBERS + parameters.length;
  }

  /** The vector of a shard without samples. */
  clear(vector: FlatVector): FlatVector {
    kernels().fillZero(vector.address, 4 * vector.length);
    return vector;
  }

  /**
   * Writes the vector of a shard whose loss has been differentiated.
   *
   * @param before the integer buffers before the shard; null for all shards but the first
   */
  write(vector: FlatVector, weight: number, numbers: readonly number[], before: IntegerValues | null): FlatVector {
    const rest = new Float32Array(this.length - this.#restAt);
    const flagsAt = rest.length - this.#parameters.length;
    let at = vector.address;
    for (const [i, parameter] of this.#parameters.entries()) {
      const { grad } = parameter;
      const bytes = 4 * parameter.numel();
      if (grad) {
        kernels().copyBytes(at, grad.array.address, bytes);
        rest[flagsAt + i] = 1;
      } else kernels().fillZero(at, bytes);
      at = offset(at, bytes);
    }
    at = copyOut(this.#floats, at);
    const floats = this.#restAt - this.#floatsAt;
    if (floats > 0 && weight !== 1) {
      launch("scaleInPlace", floats, ELEMENTWISE_GRAIN, offset(vector.address, 4 * this.#floatsAt), weight);
    }
    if (before) rest.set(this.#changes(before));
    for (const [i, number] of numbers.entries()) rest[flagsAt - MOST_NUMBERS + i] = weight * number;
    f32View(at, rest.length).set(rest);
    return vector;
  }

  /** The integer buffers, to pass to `write`. */
  integers(): Int32Array[] {
    return this.#integers.map(({ array }) => Int32Array.from(array.view()));
  }

  #changes(before: IntegerValues): number[] {
    return this.integers().flatMap((now, i) => Array.from(now, (value, j) => value - before[i][j]));
  }

  /**
   * Gives the sum of all shards to the parameters and buffers. Returns the numbers of the step.
   *
   * @param before the integer buffers before the step
   */
  read({ address }: FlatVector, before: IntegerValues): number[] {
    const rest = f32View(offset(address, 4 * this.#restAt), this.length - this.#restAt).slice();
    const flagsAt = rest.length - this.#parameters.length;
    let at = address;
    for (const [i, parameter] of this.#parameters.entries()) {
      parameter.grad = null;
      if (rest[flagsAt + i] > 0) setGradient(parameter, at);
      at = offset(at, 4 * parameter.numel());
    }
    copyIn(this.#floats, at);
    let change = 0;
    for (const [i, { array }] of this.#integers.entries()) {
      array.view().set(before[i].map((value) => value + rest[change++]));
      array.block.version++;
    }
    return Array.from(rest.subarray(flagsAt - MOST_NUMBERS, flagsAt));
  }
}

function setGradient(parameter: Tensor, from: Address): void {
  withFrame(() => {
    const gradient = empty(parameter.shape);
    kernels().copyBytes(gradient.address, from, 4 * gradient.size);
    parameter.accumulateGrad(gradient);
  });
}

/** Number of elements of all tensors together. */
export function elementsOf(tensors: readonly Tensor[]): number {
  return tensors.reduce((sum, tensor) => sum + tensor.numel(), 0);
}

/** Copies tensors to an address, one after the other. Returns the address after them. */
export function copyOut(tensors: readonly Tensor[], to: Address): Address {
  let at = to;
  for (const { array } of tensors) {
    kernels().copyBytes(at, array.address, 4 * array.size);
    at = offset(at, 4 * array.size);
  }
  return at;
}

/** Overwrites tensors with what is at an address, one after the other. */
export function copyIn(tensors: readonly Tensor[], from: Address): void {
  let at = from;
  for (const { array } of tensors) {
    kernels().copyBytes(array.address, at, 4 * array.size);
    array.block.version++;
    at = offset(at, 4 * array.size);
  }
}
