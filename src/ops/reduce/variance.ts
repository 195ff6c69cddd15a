import { checkBoolean, checkNumber, readOptions } from "../../checks.ts";
import { NULL } from "../../runtime/address.ts";
import { launch } from "../../runtime/kernels.ts";
import { empty, expectFloat, type NDArray } from "../core/array.ts";
import { checkDims, type Dims, type ReduceOptions, reducedShape } from "../core/axis.ts";
import { type Attributes, type Gradients, Op } from "../core/op.ts";
import { combine } from "../elementwise/binary.ts";
import { moments } from "./moments.ts";
import { CHUNK, roundQuotient } from "./sum.ts";

export interface VarianceOptions extends ReduceOptions {
  /** Whether to divide by n - 1 (the default) instead of n. */
  unbiased?: boolean;
  /**
   * The variance is divided by n - correction. An alternative to `unbiased`. Default 1, or 0 if `unbiased` is
   * false.
   */
  correction?: number;
}

export abstract class VarianceOp extends Op {
  readonly #dims: Dims | undefined;
  readonly #options: VarianceOptions | undefined;
  /** Which dimensions are reduced, and what the sum of squares is divided by; set by `forward`. */
  reduced: readonly boolean[] = [];
  divisor = 1;

  constructor(dims?: Dims, options?: VarianceOptions) {
    super();
    this.#dims = dims;
    this.#options = options;
  }

  get attributes(): Attributes {
    const { keepdim = false, unbiased = true, correction = unbiased ? 1 : 0 } = this.#options ?? {};
    return { dim: this.#dims ?? null, correction, keepdim };
  }

  protected abstract readonly root: boolean;

  forward(x: NDArray): NDArray {
    expectFloat(this.name, x);
    const { keepdim, unbiased, correction } = readOptions(this.name, this.#options, {
      keepdim: false,
      unbiased: true,
      correction: undefined as number | undefined,
    });
    checkBoolean(this.name, "keepdim", keepdim);
    const removed = checkBoolean(this.name, "unbiased", unbiased) ? 1 : 0;
    this.reduced = checkDims(this.name, this.#dims, x.shape.length);
    const { mean, squares, count } = moments(x, this.reduced);
    this.divisor = Math.max(0, count - checkNumber(this.name, "correction", correction ?? removed));
    const shape = reducedShape(x.shape, this.reduced, keepdim);
    if (!this.root) {
      this.save(x, this.#kept(x, roundQuotient(mean.address, shape)), null);
      return roundQuotient(squares.address, shape, this.divisor);
    }
    const y = empty(shape);
    launch("deviation", y.size, CHUNK, squares.address, y.address, this.divisor);
    this.save(x, this.#kept(x, roundQuotient(mean.address, shape)), y);
    return y;
  }

  override backward(dy: NDArray): Gradients {
    const [x, mean, std] = this.saved as [NDArray, NDArray, NDArray | null];
    const scale = empty(dy.shape);
    launch("varianceScale", dy.size, CHUNK, dy.address, std?.address ?? NULL, scale.address, this.divisor);
    const deviations = combine(this.name, "subFloat", x, mean, "float32");
    return [combine(this.name, "mulFloat", deviations, this.#kept(x, scale), "float32")];
  }

  /** `y` with the reduced dimensions kept with length 1, so that it broadcasts against x. */
  #kept(x: NDArray, y: NDArray): NDArray {
    return y.withShape(reducedShape(x.shape, this.reduced, true));
  }
}

/** `y = Σ (x - mean)² / (n - correction)` over dims; `dx = 2 dy (x - mean) / (n - correction)`. */
export class Variance extends VarianceOp {
  readonly name = "var";
  protected readonly root = false;
}

/** `y = √var` over dims; `dx = dy (x - mean) / ((n - correction) y)`, or 0 where y is 0. */
export class StandardDeviation extends VarianceOp {
  readonly name = "std";
  protected readonly root = true;
}
