import { offset } from "../../runtime/address.ts";
import { TRANSPOSE_STRIP } from "../../runtime/kernels.generated.ts";
import { launch } from "../../runtime/kernels.ts";
import { ELEMENTWISE_GRAIN, empty, intTable, type NDArray, sizeOf, stridesOf, zeros } from "../core/array.ts";

/**
 * A part of a dense array, treated as an array: the position of its first element, its shape, and the stride
 * of each dimension, in elements.
 */
export interface Region {
  offset: number;
  shape: readonly number[];
  strides: readonly number[];
}

interface Dimension {
  length: number;
  /** Strides in the source and in the target. */
  from: number;
  to: number;
}

/**
 * The dimensions from the target's slowest to its fastest. Adjacent dimensions are merged if they are
 * contiguous in both layouts.
 */
function mergeDimensions(shape: readonly number[], from: readonly number[], to: readonly number[]): Dimension[] {
  const merged: Dimension[] = [];
  const all = shape.map((length, d) => ({ length, from: from[d], to: to[d] })).filter(({ length }) => length !== 1);
  for (const dimension of all.sort((a, b) => b.to - a.to)) {
    const last = merged.at(-1);
    const { length, from, to } = dimension;
    if (last && last.from === from * length && last.to === to * length) {
      merged[merged.length - 1] = { length: last.length * length, from, to };
    } else merged.push(dimension);
  }
  return merged;
}

/**
 * Copies the region `from` of `source` to the region `to` of `target`: both have the same shape, and the
 * target's strides are positive.
 */
function copyRegion(source: NDArray, from: Region, target: NDArray, to: Region): void {
  const size = sizeOf(from.shape);
  if (size === 0) return;
  const outer = mergeDimensions(from.shape, from.strides, to.strides);
  const row = outer.pop() ?? { length: 1, from: 1, to: 1 };
  const addresses = [offset(source.address, from.offset * 4), offset(target.address, to.offset * 4)] as const;
  const table = (dimensions: Dimension[]) =>
    [dimensions.length, intTable(dimensions.flatMap(({ length, from, to }) => [length, from, to]))] as const;
  // if the source is contiguous along a different dimension than the target, a transposition reads and writes
  // whole vectors
  const along = outer.findIndex((dimension) => dimension.from === 1);
  if (row.to === 1 && row.from > 1 && along >= 0) {
    const [column] = outer.splice(along, 1);
    const strips = Math.ceil(column.length / TRANSPOSE_STRIP) * (size / row.length / column.length);
    const grain = Math.ceil(ELEMENTWISE_GRAIN / (TRANSPOSE_STRIP * row.length));
    const sizes = [column.length, row.length, row.from, column.to] as const;
    launch("copyTransposed", strips, grain, ...addresses, ...sizes, ...table(outer));
  } else {
    const grain = Math.ceil(ELEMENTWISE_GRAIN / row.length);
    launch("copyRows", size / row.length, grain, ...addresses, row.length, row.from, row.to, ...table(outer));
  }
}

/** The region that covers a whole dense array. */
function whole(shape: readonly number[]): Region {
  return { offset: 0, shape, strides: stridesOf(shape) };
}

/** A new dense array with the elements of a region of `x`. */
export function readRegion(x: NDArray, region: Region): NDArray {
  const out = empty(region.shape, x.dtype);
  copyRegion(x, region, out, whole(region.shape));
  return out;
}

/** Copies `x` into a region of `target` of the same shape, whose strides are not negative. */
export function writeRegion(target: NDArray, region: Region, x: NDArray): void {
  copyRegion(x, whole(region.shape), target, region);
}

/**
 * The gradient of `readRegion` for regions without repeated elements: zeros of `shape`, except in the region.
 */
export function scatterRegion(shape: readonly number[], region: Region, dy: NDArray): NDArray {
  const dx = dy.size === sizeOf(shape) ? empty(shape, dy.dtype) : zeros(shape, dy.dtype);
  // flipped dimensions are read backward and written forward, because target strides must be positive
  const flipped = region.strides.map((stride) => stride < 0);
  const back = (strides: readonly number[]) => strides.map((stride, d) => (flipped[d] ? -stride : stride));
  const toEnd = (strides: readonly number[]) =>
    strides.reduce((sum, stride, d) => sum + (flipped[d] ? (region.shape[d] - 1) * stride : 0), 0);
  const dense = stridesOf(region.shape);
  const from = { offset: toEnd(dense), shape: region.shape, strides: back(dense) };
  const to = { offset: region.offset + toEnd(region.strides), shape: region.shape, strides: back(region.strides) };
  copyRegion(dy, from, dx, to);
  return dx;
}
