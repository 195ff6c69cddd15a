// All steps of one direction of a recurrent layer. The samples of a batch do not depend on each other, so a
// chunk takes its samples through all steps: one launch for a sequence, in which threads never wait for each
// other. For each step, the product of the states with `weight_hh` (../matmul/gemm.ts), then the functions of
// the gates (gates.ts).
//
// Arrays are float32 and have the step first: [steps][batch][...]. States have one row more than there are
// steps: the state before step t is row t and that after it row t + 1; in reverse it is the other way round.
// `lengths` as in gates.ts. Range of all kernels: samples. work: `workBytes` for each chunk of `grain`
// samples. All samples may also come as one chunk, which then uses all of it.

import { gemm } from "../matmul/gemm";
import { Start } from "../matmul/micro_kernel";
import { packPanels4, TILE_BYTES } from "../matmul/pack";
import { gruStep, gruStepGrad, lstmStep, lstmStepGrad, rnnStep, rnnStepGrad } from "./gates";

/** An int32 table written by src/ops/recurrent/steps.ts. */
@unmanaged
class SequenceSizes {
  steps!: i32;
  batch!: i32;
  /** Elements of a state. */
  size!: i32;
  gates!: i32;
  /** 1: from the last step to the first. */
  reverse!: i32;
  /** Columns of a tile of the product: see gemm. */
  tileColumns!: i32;
  /** Of a chunk: a tile, the products of a step (forward only), packed states or gradients of gates. */
  workBytes!: i32;
}

/** The address of rows of `width` elements for each sample: those of step t, from sample `n` on. */
// @ts-ignore: decorator
@inline
function rowsOf(base: usize, s: SequenceSizes, t: i32, n: i32, width: i32): usize {
  return base + ((<usize>t * s.batch + n) * <usize>width << 2);
}

/** Step number i in the order in which the layer takes them. */
// @ts-ignore: decorator
@inline
function stepAt(s: SequenceSizes, i: i32): i32 {
  return s.reverse ? s.steps - 1 - i : i;
}

/** c = start + a B: rows of a [rows][depth], B packed (packPanels8), c [rows][n]. */
function multiply(
  rows: i32, a: usize, depth: i32, panels: usize, n: i32, c: usize, start: i32, bias: usize, tileColumns: i32,
  edge: usize, aPanels: usize,
): void {
  const count = (rows + 3) >> 2;
  packPanels4(0, count, a, rows, depth, 0, depth, 1, aPanels);
  gemm(
    0, (rows + 63) >> 6, aPanels, panels, 0, 0, c, rows, n, depth, depth, (n + 7) & -8,
    <u32>(count * depth) << 4, <u32>(((n + 7) >> 3) * depth) << 5, <u32>(rows * n) << 2, tileColumns, start, bias, 0,
    edge,
  );
}

/**
 * An LSTM: gx [.][.][4 size]; weight: panels of weight_hh; states h and c, of which the first rows are set;
 * y [steps + 2][.][size] gets the outputs, the last h and the last c; gates [.][.][5 size].
 */
export function lstmSequence(
  begin: i32, end: i32, sizes: usize, gx: usize, weight: usize, gates: usize, h: usize, c: usize, y: usize,
  lengths: usize, work: usize, grain: i32,
): void {
  const s = changetype<SequenceSizes>(sizes);
  const size = s.size;
  const rows = end - begin;
  const edge = work + <usize>(begin / grain) * <usize>s.workBytes;
  const hg = edge + TILE_BYTES;
  const aPanels = hg + (<usize>(rows * 4 * size) << 2);
  const own = lengths ? lengths + (<usize>begin << 2) : 0;
  let last = stepAt(s, 0) + s.reverse;
  for (let i = 0; i < s.steps; i++) {
    const t = stepAt(s, i);
    const before = t + s.reverse;
    const after = t + 1 - s.reverse;
    const hBefore = rowsOf(h, s, before, begin, size);
    multiply(rows, hBefore, size, weight, 4 * size, hg, Start.Zero, 0, s.tileColumns, edge, aPanels);
    lstmStep(
      rows, size, rowsOf(gx, s, t, begin, 4 * size), hg, rowsOf(gates, s, t, begin, 5 * size),
      hBefore, rowsOf(c, s, before, begin, size), rowsOf(h, s, after, begin, size), rowsOf(c, s, after, begin, size),
      rowsOf(y, s, t, begin, size), own, t,
    );
    last = after;
  }
  const bytes = <usize>(rows * size) << 2;
  memory.copy(rowsOf(y, s, s.steps, begin, size), rowsOf(h, s, last, begin, size), bytes);
  memory.copy(rowsOf(y, s, s.steps + 1, begin, size), rowsOf(c, s, last, begin, size), bytes);
}

/**
 * The gradient of lstmSequence: dGates [.][.][4 size] is that of gx and of the products; dh and dc [.][size]
 * are those of the first states. weight: panels for products with weight_hh that is not transposed.
 */
export function lstmSequenceGrad(
  begin: i32, end: i32, sizes: usize, weight: usize, gates: usize, c: usize, dy: usize,
  dGates: usize, dh: usize, dc: usize, lengths: usize, work: usize, grain: i32,
): void {
  const s = changetype<SequenceSizes>(sizes);
  const size = s.size;
  const rows = end - begin;
  const edge = work + <usize>(begin / grain) * <usize>s.workBytes;
  const own = lengths ? lengths + (<usize>begin << 2) : 0;
  const dhRows = rowsOf(dh, s, 0, begin, size);
  const dcRows = rowsOf(dc, s, 0, begin, size);
  const bytes = <usize>(rows * size) << 2;
  memory.copy(dhRows, rowsOf(dy, s, s.steps, begin, size), bytes);
  memory.copy(dcRows, rowsOf(dy, s, s.steps + 1, begin, size), bytes);
  for (let i = s.steps - 1; i >= 0; i--) {
    const t = stepAt(s, i);
    const slopes = rowsOf(dGates, s, t, begin, 4 * size);
    lstmStepGrad(
      rows, size, rowsOf(gates, s, t, begin, 5 * size), rowsOf(c, s, t + s.reverse, begin, size),
      rowsOf(dy, s, t, begin, size), dhRows, dcRows, slopes, own, t,
    );
    multiply(rows, slopes, 4 * size, weight, size, dhRows, Start.C, 0, s.tileColumns, edge, edge + TILE_BYTES);
  }
}

/** A GRU: gx [.][.][3 size]; bias: 3 size elements, or 0; y [steps + 1][.][size]; gates [.][.][4 size]. */
export function gruSequence(
  begin: i32, end: i32, sizes: usize, gx: usize, weight: usize, bias: usize, gates: usize, h: usize, y: usize,
  lengths: usize, work: usize, grain: i32,
): void {
  const s = changetype<SequenceSizes>(sizes);
  const size = s.size;
  const rows = end - begin;
  const edge = work + <usize>(begin / grain) * <usize>s.workBytes;
  const hg = edge + TILE_BYTES;
  const aPanels = hg + (<usize>((rows * 3 * size + 3) & -4) << 2);
  const own = lengths ? lengths + (<usize>begin << 2) : 0;
  const start = bias ? Start.ColumnBias : Start.Zero;
  let last = stepAt(s, 0) + s.reverse;
  for (let i = 0; i < s.steps; i++) {
    const t = stepAt(s, i);
    const hBefore = rowsOf(h, s, t + s.reverse, begin, size);
    last = t + 1 - s.reverse;
    multiply(rows, hBefore, size, weight, 3 * size, hg, start, bias, s.tileColumns, edge, aPanels);
    gruStep(
      rows, size, rowsOf(gx, s, t, begin, 3 * size), hg, rowsOf(gates, s, t, begin, 4 * size),
      hBefore, rowsOf(h, s, last, begin, size), rowsOf(y, s, t, begin, size), own, t,
    );
  }
  memory.copy(rowsOf(y, s, s.steps, begin, size), rowsOf(h, s, last, begin, size), <usize>(rows * size) << 2);
}

/** The gradient of gruSequence: dGx and dHg [.][.][3 size], those of gx and of the products. */
export function gruSequenceGrad(
  begin: i32, end: i32, sizes: usize, weight: usize, gates: usize, h: usize, dy: usize,
  dGx: usize, dHg: usize, dh: usize, lengths: usize, work: usize, grain: i32,
): void {
  const s = changetype<SequenceSizes>(sizes);
  const size = s.size;
  const rows = end - begin;
  const edge = work + <usize>(begin / grain) * <usize>s.workBytes;
  const own = lengths ? lengths + (<usize>begin << 2) : 0;
  const dhRows = rowsOf(dh, s, 0, begin, size);
  memory.copy(dhRows, rowsOf(dy, s, s.steps, begin, size), <usize>(rows * size) << 2);
  for (let i = s.steps - 1; i >= 0; i--) {
    const t = stepAt(s, i);
    const slopes = rowsOf(dHg, s, t, begin, 3 * size);
    gruStepGrad(
      rows, size, rowsOf(gates, s, t, begin, 4 * size), rowsOf(h, s, t + s.reverse, begin, size),
      rowsOf(dy, s, t, begin, size), dhRows, rowsOf(dGx, s, t, begin, 3 * size), slopes, own, t,
    );
    multiply(rows, slopes, 3 * size, weight, size, dhRows, Start.C, 0, s.tileColumns, edge, edge + TILE_BYTES);
  }
}

/** A plain recurrent layer: gx [.][.][size]; y [steps + 1][.][size]. */
export function rnnSequence(
  begin: i32, end: i32, sizes: usize, gx: usize, weight: usize, h: usize, y: usize, relu: i32, lengths: usize,
  work: usize, grain: i32,
): void {
  const s = changetype<SequenceSizes>(sizes);
  const size = s.size;
  const rows = end - begin;
  const edge = work + <usize>(begin / grain) * <usize>s.workBytes;
  const hg = edge + TILE_BYTES;
  const aPanels = hg + (<usize>((rows * size + 3) & -4) << 2);
  const own = lengths ? lengths + (<usize>begin << 2) : 0;
  let last = stepAt(s, 0) + s.reverse;
  for (let i = 0; i < s.steps; i++) {
    const t = stepAt(s, i);
    const hBefore = rowsOf(h, s, t + s.reverse, begin, size);
    last = t + 1 - s.reverse;
    multiply(rows, hBefore, size, weight, size, hg, Start.Zero, 0, s.tileColumns, edge, aPanels);
    rnnStep(
      rows, size, rowsOf(gx, s, t, begin, size), hg, hBefore, rowsOf(h, s, last, begin, size),
      rowsOf(y, s, t, begin, size), relu, own, t,
    );
  }
  memory.copy(rowsOf(y, s, s.steps, begin, size), rowsOf(h, s, last, begin, size), <usize>(rows * size) << 2);
}

/** The gradient of rnnSequence: dGates [.][.][size] is that of gx and of the products. */
export function rnnSequenceGrad(
  begin: i32, end: i32, sizes: usize, weight: usize, h: usize, dy: usize, dGates: usize, dh: usize, relu: i32,
  lengths: usize, work: usize, grain: i32,
): void {
  const s = changetype<SequenceSizes>(sizes);
  const size = s.size;
  const rows = end - begin;
  const edge = work + <usize>(begin / grain) * <usize>s.workBytes;
  const own = lengths ? lengths + (<usize>begin << 2) : 0;
  const dhRows = rowsOf(dh, s, 0, begin, size);
  memory.copy(dhRows, rowsOf(dy, s, s.steps, begin, size), <usize>(rows * size) << 2);
  for (let i = s.steps - 1; i >= 0; i--) {
    const t = stepAt(s, i);
    const slopes = rowsOf(dGates, s, t, begin, size);
    rnnStepGrad(
      rows, size, rowsOf(h, s, t + 1 - s.reverse, begin, size), rowsOf(dy, s, t, begin, size), dhRows, slopes,
      relu, own, t,
    );
    multiply(rows, slopes, size, weight, size, dhRows, Start.C, 0, s.tileColumns, edge, edge + TILE_BYTES);
  }
}
