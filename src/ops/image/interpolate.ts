import { checkBoolean, checkChoice, checkNumber, checkPair, type Pair, readOptions } from "../../checks.ts";
import { formatShape, OptionError, ShapeError } from "../../errors.ts";
import type { Address } from "../../runtime/address.ts";
import { SOURCE_BYTES } from "../../runtime/kernels.generated.ts";
import { launch } from "../../runtime/kernels.ts";
import { empty, type NDArray, scratch } from "../core/array.ts";
import { type Attributes, type Gradients, Op } from "../core/op.ts";
import { expectImages, type Planes, planeGrain, planesOf } from "../pool/window.ts";

export interface InterpolateOptions {
  /** Output [height, width], or one integer for both. Pass either this or `scaleFactor`. */
  size?: Pair | null;
  /** Output size over input size, [height, width] or one number for both. */
  scaleFactor?: number | readonly number[] | null;
  /** "nearest" (the default) or "bilinear". */
  mode?: "nearest" | "bilinear";
  /**
   * For "bilinear": whether the centres of the corner pixels are aligned instead of their outer edges.
   * Default false.
   */
  alignCorners?: boolean;
}

/**
 * Vector loads may read this many bytes past a row of scratch memory. No other thread may write these bytes.
 */
const WORK_SLACK = 64;

/**
 * Each output pixel is its nearest input pixel, or a weighted sum of the four nearest; backward adds `dy` to
 * the same pixels with the same weights. Tables of the source rows and columns are computed once for all
 * planes.
 */
export class Interpolate extends Op {
  readonly name = "interpolate";
  readonly #size: [number, number] | null;
  readonly #scaleFactor: [number, number] | null;
  readonly #mode: "nearest" | "bilinear";
  readonly #alignCorners: boolean;
  #planes!: Planes;

  constructor(options?: InterpolateOptions) {
    super();
    const o = readOptions(this.name, options, {
      size: null as Pair | null,
      scaleFactor: null as number | readonly number[] | null,
      mode: "nearest" as "nearest" | "bilinear",
      alignCorners: false,
    });
    if ((o.size === null) === (o.scaleFactor === null)) {
      throw new OptionError(`${this.name}: expected either size or scaleFactor`);
    }
    this.#size = o.size === null ? null : checkPair(this.name, "size", o.size, 1);
    this.#scaleFactor = o.scaleFactor === null ? null : checkScale(this.name, o.scaleFactor);
    this.#mode = checkChoice(this.name, "mode", o.mode, ["nearest", "bilinear"]);
    this.#alignCorners = checkBoolean(this.name, "alignCorners", o.alignCorners);
    if (this.#alignCorners && this.#mode === "nearest") {
      throw new OptionError(`${this.name}: alignCorners is only for mode "bilinear"`);
    }
  }

  get attributes(): Attributes {
    return {
      size: this.#size,
      scaleFactor: this.#scaleFactor,
      mode: this.#mode,
      alignCorners: this.#alignCorners,
    };
  }

  forward(x: NDArray): NDArray {
    if (x.shape.length !== 4) {
      throw new ShapeError(`${this.name}: input expected [N,C,H,W], got ${formatShape(x.shape)}`);
    }
    expectImages(this.name, x);
    const [outHeight, outWidth] =
      this.#size ?? (this.#scaleFactor as [number, number]).map((scale, d) => Math.floor(x.shape[2 + d] * scale));
    if (outHeight < 1 || outWidth < 1) {
      throw new ShapeError(
        `${this.name}: the result of ${formatShape(x.shape)} by scaleFactor ${formatShape(this.#scaleFactor ?? [])} is empty`,
      );
    }
    this.#planes = planesOf(x, outHeight, outWidth);
    const y = empty(this.#planes.outShape);
    const { planes, height, width } = this.#planes;
    const args = [x.address, y.address, ...this.#tables(), height, width, outHeight, outWidth] as const;
    if (this.#mode === "bilinear") {
      const { grain, work } = this.#scratch();
      launch("bilinear2d", planes, grain, ...args, ...work);
    } else launch("nearest2d", planes, planeGrain(this.#planes), ...args);
    return y;
  }

  override backward(dy: NDArray): Gradients {
    const { planes, outShape, height, width, outHeight, outWidth } = this.#planes;
    const dx = empty([...outShape.slice(0, -2), height, width]);
    const { grain, work } = this.#scratch();
    const args = [dy.address, dx.address, ...this.#tables(), height, width, outHeight, outWidth] as const;
    const doubled = this.#mode === "nearest" && outWidth === 2 * width;
    launch("interpolate2dGrad", planes, grain, ...args, ...work, Number(doubled));
    return [dx];
  }

  /** Grain and scratch of a kernel that keeps two rows of the larger side. */
  #scratch() {
    const { planes, outWidth } = this.#planes;
    const grain = planeGrain(this.#planes);
    const workBytes = 8 * outWidth + WORK_SLACK;
    return { grain, work: [scratch(Math.ceil(planes / grain) * workBytes), workBytes, grain] as const };
  }

  /** Addresses of the tables of rows and columns. */
  #tables(): [Address, Address] {
    const { height, width, outHeight, outWidth } = this.#planes;
    return [this.#sources(0, height, outHeight), this.#sources(1, width, outWidth)];
  }

  /** The table of the input positions for each output position of one dimension. */
  #sources(d: 0 | 1, length: number, outLength: number): Address {
    const table = scratch(outLength * SOURCE_BYTES);
    // As in PyTorch, a given scale factor is used directly instead of the ratio of the (rounded) sizes,
    // unless the sizes are equal.
    const factor = this.#scaleFactor && outLength !== length ? this.#scaleFactor[d] : null;
    if (this.#mode === "nearest") {
      // "nearest" also uses the ratio of the sizes if the output is twice as long
      const scale = factor && outLength !== 2 * length ? Math.fround(1 / factor) : 0;
      launch("nearestSources", outLength, 4096, table, length, outLength, scale);
    } else {
      const aligned = outLength > 1 ? (length - 1) / (outLength - 1) : 0;
      const scale = this.#alignCorners ? aligned : factor ? 1 / factor : length / outLength;
      launch("linearSources", outLength, 4096, table, length, scale, Number(this.#alignCorners));
    }
    return table;
  }
}

function checkScale(op: string, value: number | readonly number[]): [number, number] {
  const pair = Array.isArray(value) ? value : [value, value];
  if (pair.length !== 2) {
    throw new OptionError(`${op}: scaleFactor expected one number or two, got ${JSON.stringify(value)}`);
  }
  for (const scale of pair) checkNumber(op, "scaleFactor", scale, Number.MIN_VALUE);
  return [pair[0], pair[1]];
}
