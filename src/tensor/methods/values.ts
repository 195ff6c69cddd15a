import { formatShape, OptionError, ShapeError } from "../../errors.ts";
import type { DType, TypedArray } from "../../ops/core/array.ts";
import { readElements } from "../../ops/core/recorder.ts";
import { formatTensor } from "../print.ts";
import { describeTensor, TensorBase } from "./base.ts";

/** A number, or arrays of numbers nested in the tensor's shape. Booleans become 0 and 1. */
export type NestedArray = number | NestedArray[];

/** The object that `JSON.stringify` writes for a tensor. See `Tensor.toJSON`. */
export interface TensorJson {
  dtype: DType;
  shape: number[];
  data: (number | string)[];
}

const signed = (value: number) => (Object.is(value, -0) ? "-0" : String(value));

/** Methods that read the values: as typed arrays, numbers, JSON and text. */
export abstract class TensorValues extends TensorBase {
  /** A copy of the elements in row-major order: Float32Array, or Int32Array for int32 and bool. */
  data(): TypedArray {
    return readElements(this.array).slice();
  }

  /** The value of a tensor with one element. */
  item(): number {
    if (this.numel() !== 1) {
      throw new ShapeError(`item: expected a tensor with one element, got shape ${formatShape(this.shape)}`);
    }
    return readElements(this.array)[0];
  }

  /** The elements as nested arrays. */
  toArray(): NestedArray {
    const data = readElements(this.array);
    const build = (dim: number, offset: number, size: number): NestedArray => {
      if (dim === this.shape.length) return data[offset];
      const step = size / Math.max(this.shape[dim], 1);
      return Array.from({ length: this.shape[dim] }, (_, i) => build(dim + 1, offset + i * step, step));
    };
    return build(0, 0, this.numel());
  }

  /**
   * The object that `JSON.stringify` writes, also inside state dicts. It contains the exact elements in
   * row-major order. Values that JSON cannot represent become strings ("NaN", "Infinity", "-Infinity", "-0"),
   * so `tensor(data.map(Number), { shape, dtype })` restores the tensor.
   */
  toJSON(): TensorJson {
    const exact = (value: number) => (Number.isFinite(value) && !Object.is(value, -0) ? value : signed(value));
    return { dtype: this.dtype, shape: [...this.shape], data: Array.from<number, number | string>(this.data(), exact) };
  }

  /**
   * The tensor itself. Without this method, some functions (fast-deep-equal) would compare the rounded
   * results of `toString()`.
   */
  override valueOf(): this {
    return this;
  }

  /**
   * Conversion to a string gives `toString()`. JavaScript's operators would give a string or NaN for a
   * tensor, so they throw an OptionError.
   */
  [Symbol.toPrimitive](hint: string): string {
    if (hint === "string") return this.toString();
    throw new OptionError(
      `Tensor: operators like + and < expected numbers, got a tensor (${describeTensor(this)}): write x.add(y), x.sub(y), x.mul(y), ` +
        "x.div(y), x.lt(y), x.gt(y), x.eq(y); the number of a tensor with one element is x.item(), its text String(x) or a template literal",
    );
  }

  /** The elements as PyTorch prints them. In Node, `console.log` shows this text. */
  override toString(): string {
    if (this.released) return `tensor(released by ${this.handle.releasedBy}, shape=${formatShape(this.shape)})`;
    const { node } = this.handle;
    const suffix = node ? `gradFn=<${node.op.name}>` : this.requiresGrad ? "requiresGrad=true" : null;
    return formatTensor(this.array.view(), this.shape, this.dtype, suffix);
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }

  /** What notebooks show (Deno's kernel for Jupyter). */
  [Symbol.for("Jupyter.display")](): { "text/plain": string } {
    return { "text/plain": this.toString() };
  }
}
