import { checkChoice, checkInteger, readOptions } from "../../checks.ts";
import { formatShape, OptionError, ShapeError } from "../../errors.ts";
import { toJsonNumber } from "../../json_number.ts";
import { Border } from "../../runtime/kernels.generated.ts";
import { launch } from "../../runtime/kernels.ts";
import { empty, type NDArray, replaceAt, stridesOf } from "../core/array.ts";
import { type Attributes, type Gradients, Op } from "../core/op.ts";
import { checkElement, full } from "../elementwise/fill.ts";
import { addRows, gatherRows } from "./indexing.ts";
import { type Region, readRegion, scatterRegion, writeRegion } from "./strided.ts";

export interface PadOptions {
  /**
   * The elements past the ends: `value` ("constant", the default), the mirror image without the edge element
   * ("reflect"), the edge element ("replicate"), or the elements of the other end ("circular").
   */
  mode?: "constant" | "reflect" | "replicate" | "circular";
  /** The value of added elements in mode "constant". Default 0. */
  value?: number;
}

const MODES = ["constant", "reflect", "replicate", "circular"] as const;
const BORDERS = { reflect: Border.Reflect, replicate: Border.Replicate, circular: Border.Circular };

/**
 * The padding of one dimension: elements added before and after (negative: removed), and the number of
 * elements of x that are kept.
 */
interface Margin {
  before: number;
  after: number;
  kept: number;
}

/**
 * Maximum number of elements that a mode may add on a side, given the length and the number of elements kept.
 */
const most = {
  constant: () => Infinity,
  reflect: (length: number) => Math.max(length - 1, 0),
  replicate: (length: number) => (length === 0 ? 0 : Infinity),
  circular: (_length: number, kept: number) => kept,
};

/**
 * Reads PyTorch's order: [before, after] of the last dimension, then of the one before it, and so on. The
 * result starts with the outermost dimension.
 */
function readMargins(shape: readonly number[], padding: readonly number[], mode: (typeof MODES)[number]): Margin[] {
  if (!Array.isArray(padding) || padding.length % 2 !== 0 || padding.length / 2 > shape.length) {
    const actual = JSON.stringify(padding);
    throw new OptionError(`pad: padding expected [before, after] of at most ${shape.length} dimensions, got ${actual}`);
  }
  for (const amount of padding) checkInteger("pad", "padding", amount, -(2 ** 31));
  return shape.map((length, d) => {
    const k = (shape.length - 1 - d) * 2;
    const [before, after] = [padding[k] ?? 0, padding[k + 1] ?? 0];
    const kept = length + Math.min(before, 0) + Math.min(after, 0);
    if (before === 0 && after === 0) return { before, after, kept };
    const result = length + before + after;
    const borders = mode === "reflect" || mode === "replicate"; // these may copy elements that are removed
    if (result < (borders ? 1 : 0) || (kept < 0 && !borders)) {
      throw new ShapeError(`pad: padding ${before} and ${after} leave nothing of dim ${d} of ${formatShape(shape)}`);
    }
    const limit = most[mode](length, kept);
    if (Math.max(before, after) > limit) {
      const of = kept < length && mode === "circular" ? `the ${kept} that are left of dim ${d}` : `dim ${d}`;
      throw new ShapeError(
        `pad: mode ${mode} takes at most ${limit} in ${of} of ${formatShape(shape)}, got ${before} and ${after}`,
      );
    }
    return { before, after, kept };
  });
}

/** Creates the op that adds elements before and after dimensions; negative amounts remove elements. */
export function makePad(padding: readonly number[], options?: PadOptions): Op {
  const { mode, value } = readOptions("pad", options, { mode: "constant", value: 0 } as Required<PadOptions>);
  checkChoice("pad", "mode", mode, MODES);
  return mode === "constant" ? new PadConstant(padding, value) : new PadBorder(padding, mode);
}

export class PadConstant extends Op {
  readonly name = "pad";
  readonly #padding: readonly number[];
  readonly #value: number;
  #shape: readonly number[] = [];
  #inside: Region = { offset: 0, shape: [], strides: [] };
  #outside: Region = this.#inside;

  constructor(padding: readonly number[], value: number) {
    super();
    this.#padding = padding;
    this.#value = value;
  }

  get attributes(): Attributes {
    return { padding: this.#padding, mode: "constant", value: toJsonNumber(this.#value) };
  }

  forward(x: NDArray): NDArray {
    const margins = readMargins(x.shape, this.#padding, "constant");
    const value = checkElement(this.name, "value", this.#value, x.dtype);
    const shape = x.shape.map((length, d) => length + margins[d].before + margins[d].after);
    // the part of x that the result keeps, as a region of x and of the result
    const kept = margins.map((margin) => margin.kept);
    const region = (strides: number[], side: 1 | -1): Region => ({
      offset: strides.reduce((sum, stride, d) => sum + Math.max(0, side * margins[d].before) * stride, 0),
      shape: kept,
      strides,
    });
    this.#shape = x.shape;
    this.#inside = region(stridesOf(x.shape), -1);
    this.#outside = region(stridesOf(shape), 1);
    const out = full(shape, value, x.dtype);
    writeRegion(out, this.#outside, readRegion(x, this.#inside));
    return out;
  }

  override backward(dy: NDArray): Gradients {
    return [scatterRegion(this.#shape, this.#inside, readRegion(dy, this.#outside))];
  }
}

export class PadBorder extends Op {
  readonly name = "pad";
  readonly #padding: readonly number[];
  readonly #mode: Exclude<PadOptions["mode"], "constant" | undefined>;
  #shape: readonly number[] = [];
  #margins: Margin[] = [];

  constructor(padding: readonly number[], mode: Exclude<PadOptions["mode"], "constant" | undefined>) {
    super();
    this.#padding = padding;
    this.#mode = mode;
  }

  get attributes(): Attributes {
    return { padding: this.#padding, mode: this.#mode };
  }

  forward(x: NDArray): NDArray {
    this.#shape = x.shape;
    this.#margins = readMargins(x.shape, this.#padding, this.#mode);
    let out = x;
    this.#margins.forEach(({ before, after }, d) => {
      if (before === 0 && after === 0) return;
      const positions = this.#positions(d);
      out = gatherRows(out, d, positions, replaceAt(out.shape, d, positions.size));
    });
    return out;
  }

  override backward(dy: NDArray): Gradients {
    let dx = dy;
    // undoes the steps of forward in reverse order: at step d, the dimensions before d are still padded
    for (let d = this.#shape.length - 1; d >= 0; d--) {
      const { before, after } = this.#margins[d];
      if (before === 0 && after === 0) continue;
      dx = addRows(dx, d, this.#positions(d), replaceAt(dx.shape, d, this.#shape[d]));
    }
    return [dx];
  }

  /** For each position of the result along d, the position of x that it is copied from. */
  #positions(d: number): NDArray {
    const { before, after, kept } = this.#margins[d];
    const length = this.#shape[d];
    const out = empty([length + before + after], "int32");
    const border = BORDERS[this.#mode];
    // removed elements are not wrapped, but they may be reflected or repeated
    const [first, count, added] =
      this.#mode === "circular" ? [Math.max(-before, 0), kept, Math.max(before, 0)] : [0, length, before];
    launch("paddedPositions", out.size, out.size, out.address, first, count, added, border);
    return out;
  }
}
