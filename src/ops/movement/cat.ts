import { DTypeError, formatShape, OptionError, ShapeError } from "../../errors.ts";
import { empty, type NDArray, normalizeDim, replaceAt } from "../core/array.ts";
import { type Attributes, type Gradients, Op } from "../core/op.ts";
import { readRegion, writeRegion } from "./strided.ts";
import { narrowed } from "./view.ts";

/** Concatenates arrays along a dimension. The gradient of each array is its part of `dy`. */
export class Cat extends Op {
  readonly name = "cat";
  readonly #dim: number;
  #shape: readonly number[] = [];
  /** The dimension, and the length of each array along it; set by `forward`. */
  d = 0;
  lengths: readonly number[] = [];

  constructor(dim: number) {
    super();
    this.#dim = dim;
  }

  get attributes(): Attributes {
    return { dim: this.#dim };
  }

  forward(...arrays: NDArray[]): NDArray {
    const [first] = arrays;
    if (first.shape.length === 0) throw new ShapeError("cat: scalars cannot be joined; use stack");
    const d = normalizeDim(this.name, this.#dim, first.shape.length);
    for (const x of arrays) {
      const same = x.shape.length === first.shape.length && x.shape.every((n, i) => i === d || n === first.shape[i]);
      if (!same) {
        const shapes = arrays.map(({ shape }) => formatShape(shape)).join(", ");
        throw new ShapeError(`cat: shapes must agree but in dim ${d}, got ${shapes}`);
      }
      if (x.dtype !== first.dtype) throw new DTypeError(`cat: expected one dtype, got ${first.dtype} and ${x.dtype}`);
    }
    this.d = d;
    this.lengths = arrays.map((x) => x.shape[d]);
    this.#shape = replaceAt(
      first.shape,
      d,
      this.lengths.reduce((sum, length) => sum + length, 0),
    );
    const out = empty(this.#shape, first.dtype);
    this.#parts().forEach((region, k) => {
      writeRegion(out, region, arrays[k]);
    });
    return out;
  }

  override backward(dy: NDArray): Gradients {
    return this.#parts().map((region, k) => (this.needs[k] ? readRegion(dy, region) : null));
  }

  #parts() {
    let start = 0;
    return this.lengths.map((length) => {
      start += length;
      return narrowed(this.name, this.#shape, this.d, start - length, length);
    });
  }
}

/**
 * The lengths of the parts of a dimension of `length`: equal parts (the last may be shorter), or the given
 * lengths.
 */
export function splitLengths(op: string, length: number, sizes: number | readonly number[]): number[] {
  if (typeof sizes === "number") {
    if (!Number.isInteger(sizes) || sizes < 1)
      throw new OptionError(`${op}: a size expected an integer >= 1, got ${sizes}`);
    const count = Math.max(1, Math.ceil(length / sizes));
    return Array.from({ length: count }, (_, k) => Math.min(sizes, length - k * sizes));
  }
  const sum =
    Array.isArray(sizes) && sizes.every((n) => Number.isInteger(n) && n >= 0) ? sizes.reduce((a, b) => a + b, 0) : -1;
  if (sum !== length)
    throw new OptionError(`${op}: sizes expected integers with the sum ${length}, got ${JSON.stringify(sizes)}`);
  return [...sizes];
}
