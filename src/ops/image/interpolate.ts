import { checkBoolean, checkChoice, checkNumber, checkPair, type Pair, readOptions } from "../../checks.ts";
import { formatShape, OptionError, ShapeError } from "../../errors.ts";
import type { Address } from "../../runtime/address.ts";
import { SOURCE_BYTES } from "../../runtime/kernels.generated.ts";
import { empty, type NDArray, scratch } from "../core/array.ts";
import { type Attributes, type Gradients, Op } from "../core/op.ts";
import { expectImages, type Planes, planeGrain, planesOf } from "../pool/window.ts";
import { launch } from "./kernels.ts";
import {
  antialiasedTaps,
  areaTaps,
  cubic,
  cubicTaps,
  LINEAR,
  type Resampling,
  resample,
  transposed,
} from "./resample.ts";

const MODES = ["nearest", "nearest-exact", "bilinear", "bicubic", "area"] as const;

/** How `interpolate` computes pixels. */
export type InterpolateMode = (typeof MODES)[number];

export interface InterpolateOptions {
  /** Output [height, width], or one integer for both. Pass either this or `scaleFactor`. */
  size?: Pair | null;
  /** Output size over input size, [height, width] or one number for both. */
  scaleFactor?: number | readonly number[] | null;
  /** "nearest" (the default), "nearest-exact", "bilinear", "bicubic" or "area". */
  mode?: InterpolateMode;
  /**
   * For "bilinear" and "bicubic": whether the centres of the corner pixels are aligned instead of their outer
   * edges. Default false.
   */
  alignCorners?: boolean;
  /**
   * For "bilinear" and "bicubic": whether a smaller image is computed from all pixels, with a filter that is
   * as wide as the step between its pixels. Default false.
   */
  antialias?: boolean;
}

/**
 * Vector loads may read this many bytes past a row of scratch memory. No other thread may write these bytes.
 */
const WORK_SLACK = 64;

/**
 * Each output pixel is its nearest input pixel, or a weighted sum of the pixels around it; backward adds `dy`
 * to the same pixels with the same weights. Tables of the source rows and columns are computed once for all
 * planes. "nearest" and "bilinear" have special kernels; all others are resampled.
 */
export class Interpolate extends Op {
  readonly name = "interpolate";
  readonly #size: [number, number] | null;
  readonly #scaleFactor: [number, number] | null;
  readonly #mode: InterpolateMode;
  readonly #alignCorners: boolean;
  readonly #antialias: boolean;
  #planes!: Planes;

  constructor(options?: InterpolateOptions) {
    super();
    const o = readOptions(this.name, options, {
      size: null as Pair | null,
      scaleFactor: null as number | readonly number[] | null,
      mode: "nearest" as InterpolateMode,
      alignCorners: false,
      antialias: false,
    });
    if ((o.size === null) === (o.scaleFactor === null)) {
      throw new OptionError(`${this.name}: expected either size or scaleFactor`);
    }
    this.#size = o.size === null ? null : checkPair(this.name, "size", o.size, 1);
    this.#scaleFactor = o.scaleFactor === null ? null : checkScale(this.name, o.scaleFactor);
    this.#mode = checkChoice(this.name, "mode", o.mode, MODES);
    this.#alignCorners = checkBoolean(this.name, "alignCorners", o.alignCorners);
    this.#antialias = checkBoolean(this.name, "antialias", o.antialias);
    if (this.#mode !== "bilinear" && this.#mode !== "bicubic") {
      const given = this.#alignCorners ? "alignCorners" : this.#antialias ? "antialias" : null;
      if (given) {
        throw new OptionError(`${this.name}: ${given} is only for modes "bilinear" and "bicubic", got "${this.#mode}"`);
      }
    }
  }

  get attributes(): Attributes {
    return {
      size: this.#size,
      scaleFactor: this.#scaleFactor,
      mode: this.#mode,
      alignCorners: this.#alignCorners,
      antialias: this.#antialias,
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
    const taps = this.#weightedTaps();
    if (taps) return resample(x, ...taps);
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
    const taps = this.#weightedTaps();
    if (taps) return [resample(dy, transposed(taps[0]), transposed(taps[1]))];
    const dx = empty([...outShape.slice(0, -2), height, width]);
    const { grain, work } = this.#scratch();
    const args = [dy.address, dx.address, ...this.#tables(), height, width, outHeight, outWidth] as const;
    const doubled = this.#mode !== "bilinear" && outWidth === 2 * width && this.#isByRatio(width, outWidth);
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
    if (this.#mode === "bilinear") {
      const scale = this.#scale(d, length, outLength);
      launch("linearSources", outLength, 4096, table, length, scale, Number(this.#alignCorners));
    } else {
      const scale = this.#isByRatio(length, outLength) ? 0 : Math.fround(1 / (this.#scaleFactor as Factors)[d]);
      launch("nearestSources", outLength, 4096, table, length, outLength, scale, Number(this.#mode !== "nearest"));
    }
    return table;
  }

  /**
   * Whether the step between the sources of neighbouring outputs is the ratio of the sizes. As in PyTorch, a
   * given scale factor is used directly instead of the ratio of the (rounded) sizes. "nearest", "bilinear"
   * and antialiasing use the ratio if the sizes are equal, "nearest" also if the output is twice as long.
   */
  #isByRatio(length: number, outLength: number): boolean {
    if (this.#scaleFactor === null) return true;
    if (this.#mode === "nearest") return outLength === length || outLength === 2 * length;
    return outLength === length && (this.#mode === "bilinear" || this.#antialias);
  }

  /** Step between the sources of neighbouring outputs, for weighted sums. */
  #scale(d: 0 | 1, length: number, outLength: number): number {
    if (this.#alignCorners) return outLength > 1 ? (length - 1) / (outLength - 1) : 0;
    return this.#isByRatio(length, outLength) ? length / outLength : 1 / (this.#scaleFactor as Factors)[d];
  }

  /** How rows and columns are resampled. Undefined if other kernels compute this mode. */
  #weightedTaps(): [Resampling, Resampling] | undefined {
    const { height, width, outHeight, outWidth } = this.#planes;
    const resampling = (d: 0 | 1, length: number, outLength: number) => {
      if (this.#mode === "area") return areaTaps(length, outLength);
      const scale = this.#scale(d, length, outLength);
      if (!this.#antialias) return cubicTaps(length, outLength, scale, this.#alignCorners);
      return antialiasedTaps(length, outLength, scale, this.#mode === "bilinear" ? LINEAR : cubic(-0.5));
    };
    const weighted = this.#mode === "area" || this.#mode === "bicubic" || this.#antialias;
    return weighted ? [resampling(0, height, outHeight), resampling(1, width, outWidth)] : undefined;
  }
}

type Factors = [number, number];

function checkScale(op: string, value: number | readonly number[]): [number, number] {
  const pair = Array.isArray(value) ? value : [value, value];
  if (pair.length !== 2) {
    throw new OptionError(`${op}: scaleFactor expected one number or two, got ${JSON.stringify(value)}`);
  }
  for (const scale of pair) checkNumber(op, "scaleFactor", scale, Number.MIN_VALUE);
  return [pair[0], pair[1]];
}
