import { type Address, NULL } from "../../runtime/address.ts";
import {
  DOT_COLUMNS,
  LANES,
  SKINNY_COLUMN_BLOCK,
  SKINNY_ROW_BLOCK,
  type SkinnyLayout,
  skinnyLayoutWords,
  TRANSPOSE_STRIP,
} from "../../runtime/kernels.generated.ts";
import { launch } from "../../runtime/kernels.ts";
import { intTable, scratch } from "../core/array.ts";

/**
 * Products of matrices that are read in place, without packing: see assembly/matmul/skinny.ts. Packing costs
 * a pass and a launch per operand. If each element of an operand is used only a few times, packing would take
 * most of the time.
 */

/**
 * Matrices in memory, in elements: element (row, column) of number p is at address + 4 (p size + row
 * rowStride + column columnStride).
 */
export interface SkinnyOperand {
  address: Address;
  rows: number;
  columns: number;
  rowStride: number;
  columnStride: number;
}

export interface SkinnyProduct {
  a: SkinnyOperand;
  b: SkinnyOperand;
  products: number;
  /**
   * For each product, the indices of its left and right matrix; null if they equal the index of the product.
   */
  aIndex: readonly number[] | null;
  bIndex: readonly number[] | null;
  /** Number of matrices that b holds. */
  bCount: number;
  /** Address of the result, [products][m][n]. */
  c: Address;
  /** One float per column, or NULL. */
  columnBias: Address;
}

/**
 * With at most this many rows, columns or terms of the sums, packed elements are not used often enough to
 * make packing worthwhile.
 */
const FEW = 8;
/** Products with at most this many multiplications take less time than packing their operands. */
const SMALL = 24 * 24 * 24;
/** Minimum number of rows for which copying a few columns of B is worthwhile. */
const TALL = 32;
/** Number of multiplications that a thread takes at a time. */
const GRAIN = 1 << 16;

type Kernel = "multiplyDots" | "multiplyRows";

let packingForced = false;

/** For tests and benchmarks: makes products pack all operands, unless their sums are empty. */
export function forcePacking(on: boolean): void {
  packingForced = on;
}

/**
 * The kernel that computes A B if packing is not worthwhile. Undefined if packing is worthwhile, or if no
 * kernel supports the operands' layout.
 */
export function skinnyKernel(a: SkinnyOperand, b: SkinnyOperand, columnBias: boolean): Kernel | undefined {
  const [m, n, depth] = [a.rows, b.columns, a.columns];
  if (packingForced && depth > 0) return undefined;
  if (Math.min(m, n, depth) > FEW && m * n * depth > SMALL) return undefined;
  const rows = b.columnStride === 1 && !columnBias && depth > 0;
  // if sums have only a few terms, most of a vector along k would be unused
  if (rows && depth <= FEW && n >= LANES) return "multiplyRows";
  // a few columns of B are copied first, which costs little compared with reading A once
  const copies = rows && n <= FEW && m >= TALL;
  if (a.columnStride === 1 && (b.rowStride === 1 || copies)) return "multiplyDots";
  return rows ? "multiplyRows" : undefined;
}

/** Copies a few columns so that the elements of each column are contiguous. */
function copyColumns(b: SkinnyOperand, count: number): SkinnyOperand {
  const { rows, columns } = b;
  const size = rows * columns;
  const address = scratch(4 * count * size);
  const strips = count * Math.ceil(columns / TRANSPOSE_STRIP);
  const sizes = [columns, rows, columns, rows] as const;
  launch("copyTransposed", strips, 1, b.address, address, ...sizes, 1, intTable([count, size, size]));
  return { address, rows, columns, rowStride: 1, columnStride: rows };
}

/** The same memory read with rows and columns exchanged. */
function transpose(x: SkinnyOperand): SkinnyOperand {
  const { address, rows, columns, rowStride, columnStride } = x;
  return { address, rows: columns, columns: rows, rowStride: columnStride, columnStride: rowStride };
}

/** The layout of the product `left right`, which is C, or Cᵀ if `transposed`. */
function layoutOf(left: SkinnyOperand, right: SkinnyOperand, transposed: boolean): SkinnyLayout {
  const [m, n, depth] = [left.rows, right.columns, left.columns];
  return {
    m,
    n,
    depth,
    aRow: left.rowStride,
    aStep: left.columnStride,
    bColumn: right.columnStride,
    bStep: right.rowStride,
    aMatrix: m * depth,
    bMatrix: n * depth,
    cRow: transposed ? 1 : n,
    cColumn: transposed ? m : 1,
    cMatrix: m * n,
    biasRow: transposed ? 1 : 0,
    biasColumn: transposed ? 0 : 1,
  };
}

/** C = A B for each product, plus the bias of C's columns if given (multiplyDots only). */
export function multiplySkinny(kernel: Kernel, p: SkinnyProduct): void {
  const indexTable = (index: readonly number[] | null) => (index ? intTable(index) : NULL);
  const [aIndex, bIndex] = [indexTable(p.aIndex), indexTable(p.bIndex)];
  const { a, products, c } = p;
  const depth = a.columns;
  if (kernel === "multiplyRows") {
    const [m, n] = [a.rows, p.b.columns];
    const layout = intTable(skinnyLayoutWords(layoutOf(a, p.b, false)));
    const units = products * Math.ceil(m / SKINNY_ROW_BLOCK) * Math.ceil(n / SKINNY_COLUMN_BLOCK);
    const work = Math.min(m, SKINNY_ROW_BLOCK) * Math.min(n, SKINNY_COLUMN_BLOCK) * depth;
    launch(kernel, units, Math.ceil(GRAIN / work), a.address, p.b.address, aIndex, bIndex, c, layout);
    return;
  }
  const b = p.b.rowStride === 1 ? p.b : copyColumns(p.b, p.bCount);
  // the kernel's units are columns of C: if C has more rows than columns, it computes Cᵀ = Bᵀ Aᵀ
  const transposed = a.rows > b.columns;
  const [left, right] = transposed ? [transpose(b), transpose(a)] : [a, b];
  const [leftIndex, rightIndex] = transposed ? [bIndex, aIndex] : [aIndex, bIndex];
  const layout = intTable(skinnyLayoutWords(layoutOf(left, right, transposed)));
  const units = products * Math.ceil(right.columns / DOT_COLUMNS);
  const grain = Math.ceil(GRAIN / (left.rows * DOT_COLUMNS * Math.max(depth, 1)));
  launch(kernel, units, grain, left.address, right.address, leftIndex, rightIndex, c, layout, p.columnBias);
}
