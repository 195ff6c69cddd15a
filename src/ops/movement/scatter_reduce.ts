import { DTypeError } from "../../errors.ts";
import { Combine } from "../../runtime/kernels.generated.ts";
import { launch } from "../../runtime/kernels.ts";
import type { NDArray } from "../core/array.ts";
import type { AxisView } from "../core/axis.ts";
import { type Attributes, type Gradients, Op } from "../core/op.ts";
import { combine, combineThree } from "../elementwise/binary.ts";
import { castTo } from "../elementwise/cast.ts";
import { full } from "../elementwise/fill.ts";
import { toArray } from "../elementwise/promote.ts";
import { addAt, COLUMN_GRAIN, changedAt, checkScatter, partOf, readAt } from "./scatter.ts";
import { readRegion, scatterRegion } from "./strided.ts";

const COMBINATIONS = { prod: Combine.Product, amax: Combine.Largest, amin: Combine.Smallest };

/** The reductions that have a separate kernel; sums and means are computed with scatterAdd. */
export type ScatterReduction = keyof typeof COMBINATIONS;

/** Combines elements of `source` with those of `out` at the positions, in the order of j. */
function reduceAt(how: ScatterReduction): typeof addAt {
  return (out: NDArray, { outer, length, inner }: AxisView, index: NDArray, source: NDArray): void => {
    if (index.size === 0) return;
    const kernel = out.dtype === "float32" ? "scatterReduce" : "scatterReduceInt";
    const addresses = [source.address, index.address, out.address] as const;
    launch(
      kernel,
      outer * inner,
      COLUMN_GRAIN,
      ...addresses,
      length,
      index.size / outer / inner,
      inner,
      COMBINATIONS[how],
    );
  };
}

const isZero = (x: NDArray) => combine("scatterReduce", "eqFloat", x, toArray(0, "float32"), "bool");
const select = (mask: NDArray, a: NDArray, b: NDArray) => combineThree("scatterReduce", "where", mask, a, b);
const multiply = (a: NDArray, b: NDArray) => combine("scatterReduce", "mulFloat", a, b, "float32");
const divide = (a: NDArray, b: NDArray) => combine("scatterReduce", "divFloat", a, b, "float32");

/**
 * The product, maximum or minimum of each element of x and those elements of `source` whose place it is.
 * Gradients: of a product, `dy` times the product of the other factors; elements equal to the extremum share
 * `dy` evenly, as in PyTorch.
 */
export class ScatterReduce extends Op {
  readonly name = "scatterReduce";
  readonly #dim: number;
  readonly #how: ScatterReduction;
  #d = 0;

  constructor(dim: number, how: ScatterReduction) {
    super();
    this.#dim = dim;
    this.#how = how;
  }

  get attributes(): Attributes {
    return { dim: this.#dim, reduce: this.#how };
  }

  forward(x: NDArray, index: NDArray, source: NDArray): NDArray {
    this.#d = checkScatter(this.name, this.#dim, x, index, source);
    if (x.dtype === "bool") throw new DTypeError(`${this.name}: expected float32 or int32, got bool; use .int()`);
    const given = readRegion(source, partOf(source.shape, index));
    const y = changedAt(x, index, this.#d, given, reduceAt(this.#how));
    this.save(index, x, source, y);
    return y;
  }

  override backward(dy: NDArray): Gradients {
    const [index, , source] = this.saved as NDArray[];
    const part = partOf(source.shape, index);
    const given = readRegion(source, part);
    const [dx, own] = this.#how === "prod" ? this.#productGradients(dy, given) : this.#extremumGradients(dy, given);
    return [dx, null, own && scatterRegion(source.shape, part, own)];
  }

  /** The gradients of x and of the part of the source that was read. */
  #extremumGradients(dy: NDArray, source: NDArray): [NDArray, NDArray] {
    const [index, x, , y] = this.saved as NDArray[];
    const equal = (a: NDArray, b: NDArray) => combine(this.name, "eqFloat", a, b, "bool");
    const inX = equal(x, y);
    const inSource = equal(source, readAt(y, index, this.#d));
    const count = changedAt(inX.withShape(x.shape, "int32"), index, this.#d, inSource, addAt);
    const share = divide(dy, castTo(count, "float32"));
    const none = toArray(0, "float32");
    return [select(inX, share, none), select(inSource, readAt(share, index, this.#d), none)];
  }

  #productGradients(dy: NDArray, source: NDArray): [NDArray | null, NDArray | null] {
    const [index, x] = this.saved as NDArray[];
    const d = this.#d;
    const write = reduceAt("prod");
    const one = toArray(1, "float32");
    const dx = this.needs[0] ? multiply(dy, changedAt(full(x.shape, 1, "float32"), index, d, source, write)) : null;
    if (!this.needs[2]) return [dx, null];
    // products of the factors that are not 0, and the number of those that are
    const [zerosOfX, zerosOfSource] = [isZero(x), isZero(source)];
    const factors = select(zerosOfSource, one, source);
    const products = changedAt(select(zerosOfX, one, x), index, d, factors, write);
    const counts = changedAt(zerosOfX.withShape(x.shape, "int32"), index, d, zerosOfSource, addAt);
    // a 0 among the other factors makes the gradient 0
    const others = combine(this.name, "eqInt", readAt(counts, index, d), zerosOfSource, "bool");
    const slope = divide(readAt(products, index, d), factors);
    return [dx, multiply(readAt(dy, index, d), select(others, slope, toArray(0, "float32")))];
  }
}
