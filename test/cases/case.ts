import type { Tensor } from "wasmgrad";

/** A float64 array, on which references compute. */
export interface Ref {
  shape: number[];
  data: Float64Array;
}

/** One input of a case: values are drawn from [low, high) (default -2 to 2), rounded to float32. */
export interface InputSpec {
  shape: number[];
  low?: number;
  high?: number;
  /** Integers in [low, high) for "int32". Default "float32". */
  dtype?: "float32" | "int32";
  /** Whether the gradient of this input is checked. Default: true for float32. */
  grad?: boolean;
  /** Values to use instead of random ones. */
  values?: number[];
}

/**
 * One line of an op's case table: how to run the op, and its expected result, written plainly in float64 and
 * independently of the op's code. The forward value is compared with `reference`, every gradient with central
 * differences of `reference`.
 */
export interface OpCase {
  /** The op and its shapes: "conv2d [2,3,8,8] * [4,3,3,3] stride 2". */
  name: string;
  inputs: InputSpec[];
  run(...inputs: Tensor[]): Tensor;
  reference(...inputs: Ref[]): Ref;
  /**
   * Multiplications and additions of the forward pass, if these take most of the time. The gradients of the
   * first two inputs take as many each.
   */
  flops?: number;
  /**
   * Inputs whose first dimension is also the first dimension of the result, so that a large case can be
   * checked at some of its positions only.
   */
  batched?: readonly number[];
  /** Largest |difference| / max(1, |expected|) of the result. Default 2e-6. */
  tolerance?: number;
  /** The same for gradients. Default 2e-5. */
  gradTolerance?: number;
  /** The same for gradients of gradients. Default 1e-4. */
  secondTolerance?: number;
}

/** Builds a Ref by calling `value` for each position. */
export function build(shape: number[], value: (...index: number[]) => number): Ref {
  const size = shape.reduce((a, b) => a * b, 1);
  const data = new Float64Array(size);
  const index = new Array<number>(shape.length).fill(0);
  for (let i = 0; i < size; i++) {
    data[i] = value(...index);
    for (let d = shape.length - 1; d >= 0 && ++index[d] === shape[d]; d--) index[d] = 0;
  }
  return { shape, data };
}

/** The element of `x` at a position. */
export function at(x: Ref, ...index: number[]): number {
  let offset = 0;
  for (let d = 0; d < index.length; d++) offset = offset * x.shape[d] + index[d];
  return x.data[offset];
}
