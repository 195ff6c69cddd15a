import { checkBoolean, checkInteger, checkNumber, readOptions } from "../../checks.ts";
import { formatShape, OptionError, ShapeError } from "../../errors.ts";
import { NULL } from "../../runtime/address.ts";
import { kernels, launch } from "../../runtime/kernels.ts";
import {
  ELEMENTWISE_GRAIN,
  elementAt,
  empty,
  expectFloat,
  expectInt32,
  expectRank,
  expectSameShape,
  isSameShape,
  type NDArray,
  zeros,
} from "../core/array.ts";
import { type Attributes, Op } from "../core/op.ts";
import { castTo } from "../elementwise/cast.ts";
import { MOST_CLASSES, refuseLabel } from "../movement/class_count.ts";
import { Extremum } from "../reduce/extremum.ts";

export interface SearchOptions {
  /** Whether equal elements are before the position (true) or after it (the default). */
  right?: boolean;
}

/**
 * Where each value belongs in a sorted sequence: in a vector, or in the row at the same place if the sequence
 * has as many dimensions as the values. int32, no gradient.
 */
export class SearchSorted extends Op {
  readonly name: "searchsorted" | "bucketize";
  readonly #right: boolean;

  constructor(name: "searchsorted" | "bucketize", options?: SearchOptions) {
    super();
    this.name = name;
    this.#right = checkBoolean(name, "right", readOptions(name, options, { right: false }).right);
  }

  get attributes(): Attributes {
    return { right: this.#right };
  }

  forward(sequence: NDArray, values: NDArray): NDArray {
    const isVector = sequence.shape.length === 1;
    const rows = sequence.shape.slice(0, -1);
    if (!isVector && (rows.length === 0 || !isSameShape(rows, values.shape.slice(0, -1)))) {
      throw new ShapeError(
        `${this.name}: expected a sorted vector, or rows as those of the values, got ${formatShape(sequence.shape)} for ${formatShape(values.shape)}`,
      );
    }
    const [s, v] = [castTo(sequence, "float32"), castTo(values, "float32")];
    const out = empty(values.shape, "int32");
    const sizes = [sequence.shape.at(-1) as number, isVector ? 0 : (values.shape.at(-1) as number)] as const;
    launch(
      "searchSorted",
      out.size,
      ELEMENTWISE_GRAIN,
      s.address,
      v.address,
      out.address,
      ...sizes,
      Number(this.#right),
    );
    return out;
  }
}

/** How often each integer from 0 occurs in a vector, or the sums of its weights; no gradient. */
export class Bincount extends Op {
  readonly name = "bincount";
  readonly #minlength: number;

  constructor(minlength: number) {
    super();
    this.#minlength = checkInteger("bincount", "minlength", minlength, 0);
  }

  get attributes(): Attributes {
    return { minlength: this.#minlength };
  }

  override get required(): number {
    return 1;
  }

  forward(x: NDArray, weights: NDArray | null): NDArray {
    expectInt32(this.name, "x", x);
    expectRank(this.name, "x", x, 1, "[N]");
    if (weights) {
      expectFloat(this.name, weights);
      expectSameShape(this.name, "weights", x.shape, weights.shape);
    }
    const largest = kernels().largestIndex(x.size, x.address);
    if (largest >= MOST_CLASSES) refuseLabel(this.name, largest, "the largest element", "count with unique()");
    const bins = Math.max(largest + 1, this.#minlength);
    const bad = kernels().findIndexOutside(x.size, x.address, 0, Math.max(bins, 1));
    if (!Number.isNaN(bad)) throw new OptionError(`bincount: expected integers >= 0, got ${bad}`);
    const counts = zeros([bins], weights ? "float32" : "int32");
    if (weights) kernels().countBins(x.size, x.address, weights.address, counts.address);
    else kernels().countBins(x.size, x.address, NULL, counts.address);
    return counts;
  }
}

export interface HistcOptions {
  /** Lower end of the first bin. With min = max, the ends are the extremes of the elements. Default 0. */
  min?: number;
  /** Upper end of the last bin. Default 0. */
  max?: number;
}

/** How many elements are in each of several bins of equal width (float32); no gradient. */
export class Histc extends Op {
  readonly name = "histc";
  readonly #bins: number;
  readonly #ends: Required<HistcOptions>;

  constructor(bins: number, options?: HistcOptions) {
    super();
    this.#bins = checkInteger("histc", "bins", bins, 1);
    this.#ends = readOptions("histc", options, { min: 0, max: 0 });
    checkNumber("histc", "max", this.#ends.max, checkNumber("histc", "min", this.#ends.min));
  }

  get attributes(): Attributes {
    return { bins: this.#bins, ...this.#ends };
  }

  forward(input: NDArray): NDArray {
    const x = castTo(input, "float32");
    const bins = this.#bins;
    let { min, max } = this.#ends;
    if (min === max && x.size > 0) {
      const flat = x.withShape([x.size]);
      [min, max] = (["min", "max"] as const).map((name) => elementAt(new Extremum(name, 0).forward(flat)[0], 0));
      if (!Number.isFinite(min) || !Number.isFinite(max)) {
        throw new OptionError(`histc: expected finite elements, or min and max, got elements from ${min} to ${max}`);
      }
    }
    if (min === max) [min, max] = [min - 1, max + 1];
    const counts = zeros([bins]);
    kernels().histogram(x.size, x.address, counts.address, bins, min, max);
    return counts;
  }
}
