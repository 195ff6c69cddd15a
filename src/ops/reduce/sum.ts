import { formatShape, ShapeError } from "../../errors.ts";
import type { Address } from "../../runtime/address.ts";
import { SUM_TILE } from "../../runtime/kernels.generated.ts";
import { kernels, launch } from "../../runtime/kernels.ts";
import { empty, expectFloat, type NDArray, scratch, sizeOf } from "../core/array.ts";
import {
  type AxisView,
  checkDims,
  type Dims,
  type ReduceOptions,
  readKeepdim,
  reducedShape,
  reductionAxes,
} from "../core/axis.ts";
import { type Attributes, type Gradients, Op } from "../core/op.ts";
import { cloneArray } from "../movement/copy.ts";

/**
 * Number of elements in a chunk of a long reduction. The partial sum of each chunk is float64. The number is
 * fixed, so that results do not depend on the number of threads.
 */
export const CHUNK = 16384;
/**
 * Minimum number of rows in a chunk of a column sum. With fewer rows, writing the partial sums would cost
 * more than the chunks save.
 */
const MIN_CHUNK_ROWS = 64;

/**
 * Sums in float64 over the reduced dimensions: returns the address of `[kept...]` float64 sums.
 *
 * Row sums (the reduced dimensions are last) read along rows. Column sums read 16 columns at a time, or up to
 * 1024 if there are at least 64. Both give a few partial sums, which a simple kernel adds. Separate groups of
 * reduced dimensions are summed one after the other, always in float64.
 */
export function sumToDouble(x: NDArray, reduced: readonly boolean[]): Address {
  const count = sizeOf(x.shape.filter((_, d) => !reduced[d]));
  const axes = reductionAxes(x.shape, reduced);
  if (x.size === 0 || axes.length === 0) {
    // No additions are needed: the sum of no elements is 0; a sum over dimensions of length 1 is x itself.
    if (x.size > 0) return sumRows(x, x.size, 1);
    const zero = scratch(count * 8);
    kernels().fillZero(zero, count * 8);
    return zero;
  }
  const [first, ...rest] = axes;
  let sums = first.inner === 1 ? sumRows(x, first.outer, first.length) : sumColumns(x, first);
  for (const { outer, length, inner } of rest) sums = sumPartials(sums, outer, length, inner);
  return sums;
}

function sumRows(x: NDArray, rows: number, length: number): Address {
  const chunks = Math.ceil(length / CHUNK);
  const partials = scratch(rows * chunks * 8);
  const kernel = x.dtype === "float32" ? "sumRows" : "sumRowsInt";
  launch(kernel, rows * chunks, Math.ceil(CHUNK / length), x.address, partials, length, CHUNK);
  return chunks === 1 ? partials : sumPartials(partials, rows, chunks, 1);
}

function sumColumns(x: NDArray, { outer, length, inner }: AxisView): Address {
  const chunk = Math.max(MIN_CHUNK_ROWS, Math.ceil(CHUNK / inner));
  const chunks = Math.ceil(length / chunk);
  const partials = scratch(outer * chunks * inner * 8);
  const kernel = x.dtype === "float32" ? "sumColumns" : "sumColumnsInt";
  const tile = inner < 4 * SUM_TILE ? SUM_TILE : 1024;
  const tiles = Math.ceil(inner / tile);
  const grain = Math.ceil(CHUNK / (Math.min(tile, inner) * Math.min(chunk, length)));
  launch(kernel, outer * chunks * tiles, grain, x.address, partials, length, inner, chunk, tile);
  return chunks === 1 ? partials : sumPartials(partials, outer, chunks, inner);
}

/** Adds `[outer, length, inner]` float64 partial sums over the middle. */
export function sumPartials(partials: Address, outer: number, length: number, inner: number): Address {
  const sums = scratch(outer * inner * 8);
  launch("sumPartials", outer * inner, Math.ceil(CHUNK / Math.max(length, 1)), partials, sums, length, inner);
  return sums;
}

/** Rounds float64 `values` divided by `divisor` to a float32 array. */
export function roundQuotient(values: Address, shape: readonly number[], divisor = 1): NDArray {
  const out = empty(shape);
  launch("roundQuotient", out.size, CHUNK, values, out.address, divisor);
  return out;
}

/**
 * The gradient of a sum: `x` (of the reduced shape) repeated along the reduced dimensions of
 * `shape`, divided by `divisor`.
 */
export function repeatAlong(x: NDArray, shape: readonly number[], reduced: readonly boolean[], divisor = 1): NDArray {
  const axes = sizeOf(shape) === 0 ? [] : reductionAxes(shape, reduced);
  if (axes.length === 0) return sizeOf(shape) === x.size ? cloneArray(x).withShape(shape) : empty(shape);
  let out = x;
  // from the first reduced dimensions to the last, so that all steps except the last one write small arrays
  for (const { outer, length, inner } of axes.reverse()) {
    const next = empty([outer, length, inner]);
    launch("repeatDivided", next.size, CHUNK, out.address, next.address, length, inner, out === x ? divisor : 1);
    out = next;
  }
  return out.withShape(shape);
}

/** Base class of `Sum` and `Mean`: a sum divided by 1 or by the number of elements added. */
abstract class SumOrMean extends Op {
  readonly #dims: Dims | undefined;
  readonly #options: ReduceOptions | undefined;
  #shape: readonly number[] = [];
  #reduced: boolean[] = [];
  #divisor = 1;

  constructor(dims?: Dims, options?: ReduceOptions) {
    super();
    this.#dims = dims;
    this.#options = options;
  }

  get attributes(): Attributes {
    return { dim: this.#dims ?? null, keepdim: this.#options?.keepdim ?? false };
  }

  protected abstract check(x: NDArray): void;
  protected abstract divisor(elements: number): number;

  forward(x: NDArray): NDArray {
    this.check(x);
    this.#shape = x.shape;
    this.#reduced = checkDims(this.name, this.#dims, x.shape.length);
    const keepdim = readKeepdim(this.name, this.#options);
    this.#divisor = this.divisor(sizeOf(x.shape.filter((_, d) => this.#reduced[d])));
    const shape = reducedShape(x.shape, this.#reduced, keepdim);
    const sums = sumToDouble(x, this.#reduced);
    if (x.dtype === "float32") return roundQuotient(sums, shape, this.#divisor);
    const out = empty(shape, "int32");
    launch("roundToInt", out.size, CHUNK, sums, out.address);
    return out;
  }

  override backward(dy: NDArray): Gradients {
    return [repeatAlong(dy, this.#shape, this.#reduced, this.#divisor)];
  }
}

/** `y = Σ x` over dims; `dx = dy`, repeated. The sum of int32 or bool is int32. */
export class Sum extends SumOrMean {
  readonly name = "sum";
  protected check(): void {}
  protected divisor(): number {
    return 1;
  }
}

/** `y = Σ x / n` over dims; `dx = dy / n`, repeated. The mean of no elements is NaN. */
export class Mean extends SumOrMean {
  readonly name = "mean";
  protected check(x: NDArray): void {
    expectFloat(this.name, x);
  }
  protected divisor(elements: number): number {
    return elements;
  }
}

/** Sums a gradient over the dimensions along which an operand of shape `shape` was broadcast. */
export function sumTo(grad: NDArray, shape: readonly number[]): NDArray {
  const added = grad.shape.length - shape.length;
  const reduced = grad.shape.map((length, d) => d < added || (shape[d - added] === 1 && length !== 1));
  if (added < 0 || grad.shape.some((length, d) => !reduced[d] && length !== shape[d - added])) {
    throw new ShapeError(`sumTo: cannot sum ${formatShape(grad.shape)} to ${formatShape(shape)}`);
  }
  if (!reduced.includes(true)) return grad;
  return roundQuotient(sumToDouble(grad, reduced), shape);
}
