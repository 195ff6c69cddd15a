import { type Address, offset } from "../../runtime/address.ts";
import { MR, STRIDED_KERNEL_WORK_BYTES, STRIDED_POSITIONS, Start } from "../../runtime/kernels.generated.ts";
import { getNumThreads } from "../../runtime/parallel/pool.ts";
import { type NDArray, scratch } from "../core/array.ts";
import { multiplyPacked, rowPanelBytes } from "../matmul/gemm.ts";
import type { Conv2dGeometry } from "./geometry.ts";
import { launch } from "./kernels.ts";
import { FILTER_BLOCK, GRAIN, type Matrices, stepFor } from "./winograd_plan.ts";

/** Sizes, kernels and products of Winograd's F(4x4, 2x2) for winograd_strided.ts. */

export const PHASES = 4;
/** Number of tiles in a chunk of images: their transformed patches and products stay in the caches. */
const CHUNK_TILES = 64;
/** The same for the weight gradient, where the products of a chunk are added to those of the previous one. */
export const GRAD_CHUNK_TILES = 128;

/** Matrices for `count` times 25 positions of `bytes` each. */
export function allocate(bytes: number, count = 1): Matrices {
  const step = stepFor(bytes);
  return { address: scratch(count * STRIDED_POSITIONS * step), step };
}

/** Scratch for a kernel launched over `units`, `bytes` for each chunk of `grain`. */
export function workFor(units: number, bytes: number, grain = GRAIN): Address {
  return scratch(Math.ceil(units / grain) * bytes);
}

export const filterBlock = (filters: number) => Math.min(filters, FILTER_BLOCK * getNumThreads());

/** 3x3, 3x4 and 4x4 kernels of stride 2 in one group, with at most 3 zeros on each side. */
export function supportsStrided(g: Conv2dGeometry): boolean {
  const isPlain = g.groups === 1 && Math.max(...g.dilation) === 1 && Math.max(...g.padding) <= 3;
  const fits = g.stride.every((stride) => stride === 2) && g.kernel.every((side) => side === 3 || side === 4);
  return isPlain && fits && g.outHeight > 0 && g.outWidth > 0;
}

/** The numbers of tiles of 4x4 output pixels, or of 8x8 input pixels, and of images in a chunk. */
export function tilesOf(
  height: number,
  width: number,
  side: number,
  chunkTiles = CHUNK_TILES,
): { tilesY: number; tilesX: number; chunk: number } {
  const [tilesY, tilesX] = [Math.ceil(height / side), Math.ceil(width / side)];
  return { tilesY, tilesX, chunk: Math.max(1, Math.floor(chunkTiles / (tilesY * tilesX))) };
}

/** The number of tiles of all images. */
export function countTiles(g: Conv2dGeometry): number {
  return g.images * Math.ceil(g.outHeight / 4) * Math.ceil(g.outWidth / 4);
}

/** The transformed kernels as left operands, kept until the weight changes. */
export function transformedKernels(weight: NDArray, g: Conv2dGeometry, flipped: boolean): Matrices {
  const taps = g.kernel[0] * g.kernel[1];
  const [outputs, inputs] = flipped ? [g.inChannels, g.outChannels] : [g.outChannels, g.inChannels];
  const [outputBytes, inputBytes] = flipped ? [4 * taps, 4 * taps * outputs] : [4 * taps * inputs, 4 * taps];
  const isOneSum = !flipped && hasAllTaps(g);
  const panelBytes = rowPanelBytes(MR, isOneSum ? PHASES * inputs : inputs);
  const panels = Math.ceil(outputs / MR);
  const step = stepFor(panels * panelBytes);
  const phaseBytes = isOneSum ? rowPanelBytes(MR, inputs) : STRIDED_POSITIONS * step;
  const key = ["strided", outputs, inputs, ...g.kernel, Number(flipped)] as const;
  const bytes = (isOneSum ? 1 : PHASES) * STRIDED_POSITIONS * step;
  const address = weight.block.cached(key, bytes, (to) => {
    const from = [weight.address, outputs, outputBytes, inputs, inputBytes, ...g.kernel, Number(flipped)] as const;
    const work = workFor(panels, STRIDED_KERNEL_WORK_BYTES);
    launch("stridedKernels", panels, GRAIN, ...from, to, step, panelBytes, phaseBytes, work, GRAIN);
  });
  return { address, step };
}

/**
 * The positions of a phase, from `first` to `end`, that its taps contribute to. Where a phase has a single
 * row or column of taps of a 3x3 kernel, the last row or column of its transformed taps is zero. (See
 * rowPosition in assembly/conv/winograd/strided_transforms.ts.)
 */
export function positionsOf(phase: number, [kernelHeight, kernelWidth]: readonly [number, number]): [number, number] {
  const oneRow = kernelHeight === 3 && phase >> 1 === 1;
  const oneColumn = kernelWidth === 3 && (phase & 1) === 1;
  return [oneRow ? 4 : 0, oneColumn ? 20 : oneRow ? 24 : STRIDED_POSITIONS];
}

export const ALL_POSITIONS: readonly [number, number] = [0, STRIDED_POSITIONS];

/** Whether each phase has 2x2 taps: the phases of all channels are then the terms of a single sum. */
export const hasAllTaps = (g: Conv2dGeometry) => g.kernel.every((side) => side === 4);

/** Matrix number n. */
export const matrixAt = ({ address, step }: Matrices, n: number) => offset(address, n * step);

/** The matrices of a phase. */
export function matricesOf(phase: number, all: Matrices): Matrices {
  return { address: matrixAt(all, phase * STRIDED_POSITIONS), step: all.step };
}

/** c [m][n] = start + a b for the positions from `first` to `end`; each sum has `depth` terms. */
export function multiply(
  [first, end]: readonly [number, number],
  a: Matrices,
  b: Matrices,
  c: Matrices,
  [m, n, depth]: readonly [m: number, n: number, depth: number],
  start: Start = Start.Zero,
): void {
  multiplyPacked({
    aPanels: matrixAt(a, first),
    bPanels: matrixAt(b, first),
    count: end - first,
    c: matrixAt(c, first),
    m,
    n,
    depth,
    aStride: a.step,
    bStride: b.step,
    cStride: c.step,
    start,
  });
}
