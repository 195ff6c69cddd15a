import { empty, floatTable, intTable, type NDArray } from "../core/array.ts";
import { launch } from "./kernels.ts";

/** An output as a sum of inputs: `weights[k]` is the weight of input `first + k`. */
export interface Taps {
  first: number;
  weights: number[];
}

/** How one dimension is resized: the taps of each output. */
export interface Resampling {
  /** Number of inputs. */
  length: number;
  taps: readonly Taps[];
}

/** Weight of a pixel at a distance from an output's position, in pixels. */
export interface Filter {
  /** The weight is 0 at this distance and beyond it. */
  support: number;
  weight(distance: number): number;
}

export const LINEAR: Filter = { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) };

/** Keys' cubic convolution with the slope `a` at distance 1: PyTorch has -0.75, or -0.5 with antialiasing. */
export function cubic(a: number): Filter {
  return {
    support: 2,
    weight(distance) {
      const x = Math.abs(distance);
      if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
      return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
    },
  };
}

/**
 * The four pixels around each position `o * scale` (aligned corners) or `(o + 1/2) * scale - 1/2`. Positions
 * outside the image are those of its edge.
 */
export function cubicTaps(length: number, outLength: number, scale: number, alignCorners: boolean): Resampling {
  const { weight } = cubic(-0.75);
  const taps = Array.from({ length: outLength }, (_, o): Taps => {
    const position = alignCorners ? o * scale : (o + 0.5) * scale - 0.5;
    const left = Math.floor(position) - 1;
    const at = (i: number) => Math.min(Math.max(i, 0), length - 1);
    const first = at(left);
    const weights = new Array<number>(at(left + 3) - first + 1).fill(0);
    for (let i = left; i < left + 4; i++) weights[at(i) - first] += weight(position - i);
    return { first, weights };
  });
  return { length, taps };
}

/** All pixels from `⌊o·length/outLength⌋` to before `⌈(o + 1)·length/outLength⌉`, with equal weights. */
export function areaTaps(length: number, outLength: number): Resampling {
  const taps = Array.from({ length: outLength }, (_, o): Taps => {
    const first = Math.floor((o * length) / outLength);
    const count = Math.ceil(((o + 1) * length) / outLength) - first;
    return { first, weights: new Array<number>(count).fill(1 / count) };
  });
  return { length, taps };
}

/** A filter that is stretched by `scale` if the image becomes smaller, with weights that add up to 1. */
export function antialiasedTaps(length: number, outLength: number, scale: number, filter: Filter): Resampling {
  const stretch = Math.max(scale, 1);
  const support = filter.support * stretch;
  const taps = Array.from({ length: outLength }, (_, o): Taps => {
    const centre = (o + 0.5) * scale;
    const first = Math.max(Math.trunc(centre - support + 0.5), 0);
    const end = Math.min(Math.trunc(centre + support + 0.5), length);
    const weights = Array.from({ length: Math.max(end - first, 0) }, (_, k) =>
      filter.weight((first + k - centre + 0.5) / stretch),
    );
    const total = weights.reduce((sum, w) => sum + w, 0);
    return { first: Math.min(first, length - 1), weights: weights.map((w) => (total === 0 ? 0 : w / total)) };
  });
  return { length, taps };
}

/** The gradient of a resampling: the weights by which each input takes part in the outputs. */
export function transposed({ length, taps }: Resampling): Resampling {
  const columns = Array.from({ length }, (): Taps => ({ first: 0, weights: [] }));
  for (const [o, { first, weights }] of taps.entries()) {
    for (const [k, weight] of weights.entries()) {
      const column = columns[first + k];
      if (column.weights.length === 0) column.first = o;
      while (column.first + column.weights.length < o) column.weights.push(0);
      column.weights.push(weight);
    }
  }
  return { length: taps.length, taps: columns };
}

/** The tables for the kernels. */
function tablesOf({ length, taps }: Resampling) {
  const count = Math.max(1, ...taps.map(({ weights }) => weights.length));
  const padded = Math.ceil(taps.length / 4) * 4;
  const firsts = new Array<number>(padded).fill(0);
  const table = new Array<number>(count * padded).fill(0);
  for (const [o, { first, weights }] of taps.entries()) {
    const from = Math.min(first, length - count); // all taps lie inside the row
    firsts[o] = from;
    for (const [k, weight] of weights.entries()) table[(k + first - from) * padded + o] = weight;
  }
  return [intTable(firsts), floatTable(table), count] as const;
}

/** Number of rows that a thread takes at a time, for rows that take `operations` multiplications. */
const grain = (operations: number) => Math.max(1, Math.ceil(16384 / Math.max(1, operations)));

/**
 * Resizes planes [..., H, W], first along the rows, then along the columns. Must be called inside a frame.
 */
export function resample(x: NDArray, vertical: Resampling, horizontal: Resampling): NDArray {
  const [height, width] = x.shape.slice(-2);
  const leading = x.shape.slice(0, -2);
  const planes = leading.reduce((product, length) => product * length, 1);
  const [outHeight, outWidth] = [vertical.taps.length, horizontal.taps.length];
  const wide = empty([...leading, height, outWidth]);
  const columns = tablesOf(horizontal);
  launch(
    "resampleRows",
    planes * height,
    grain(outWidth * columns[2]),
    x.address,
    wide.address,
    ...columns,
    width,
    outWidth,
  );
  const y = empty([...leading, outHeight, outWidth]);
  const rows = tablesOf(vertical);
  launch(
    "resampleColumns",
    planes * outHeight,
    grain(outWidth * rows[2]),
    wide.address,
    y.address,
    ...rows,
    height,
    outHeight,
    outWidth,
  );
  return y;
}
