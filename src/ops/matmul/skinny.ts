import { type Address, NULL } from "../../runtime/address.ts";
import { launch } from "../../runtime/kernels.ts";
import { intTable, scratch } from "../core/array.ts";

/**
 * Products of matrices read where they lie, without packing: see assembly/matmul/skinny.ts. What a packed
 * product costs besides its multiplications, a pass over each operand and a launch for each, is most of the
 * time where an operand's elements are used only a few times.
 */

/**
 * Matrices in memory, in elements: element (row, column) of number p is at address + 4 (p size + row
 * rowStride + column columnStride).
 */
export interface Operand {
  address: Address;
  rows: number;
  columns: number;
  rowStride: number;
  columnStride: number;
}

export interface SkinnyProduct {
  a: Operand;
  b: Operand;
  products: number;
  /** For each product, the number of its left and right matrix; null where each has its own. */
  aIndex: readonly number[] | null;
  bIndex: readonly number[] | null;
  /** Number of matrices that b holds. */
  bCount: number;
  /** Address of the result, [products][m][n]. */
  c: Address;
  /** One float per column, or NULL. */
  columnBias: Address;
}

/** With so few rows or columns, or such short sums, each element that packing moves is used too rarely. */
const FEW = 8;
/** A product this small is over before its operands are packed. */
const SMALL = 24 * 24 * 24;
/** From this many rows on. */
const TALL = 32;
/**
 * Rows and columns of C in a unit of multiplyRows, columns in one of multiplyDots: as in
 * assembly/matmul/skinny.ts.
 */
const ROW_BLOCK = 64;
const COLUMN_BLOCK = 128;
const DOT_COLUMNS = 4;
/** Multiplications a thread takes at a time. */
const GRAIN = 1 << 16;

type Kernel = "multiplyDots" | "multiplyRows";

let packingForced = false;

/** For tests and benchmarks: packs all operands of products whose sums are not empty. */
export function forcePacking(on: boolean): void {
  packingForced = on;
}

/**
 * The kernel that computes A B where packing does not pay; undefined: it does, or the operands lie across.
 */
export function skinnyKernel(a: Operand, b: Operand, columnBias: boolean): Kernel | undefined {
  const [m, n, depth] = [a.rows, b.columns, a.columns];
  if (packingForced && depth > 0) return undefined;
  if (Math.min(m, n, depth) > FEW && m * n * depth > SMALL) return undefined;
  const rows = b.columnStride === 1 && !columnBias && depth > 0;
  // sums of a few terms leave most of a vector along k unused
  if (rows && depth <= FEW && n >= 4) return "multiplyRows";
  // a few columns are turned first, which costs little beside reading A once
  const turns = rows && n <= FEW && m >= TALL;
  if (a.columnStride === 1 && (b.rowStride === 1 || turns)) return "multiplyDots";
  return rows ? "multiplyRows" : undefined;
}

/** Copies a few columns so that each lies along its sum. */
function turnColumns(b: Operand, count: number): Operand {
  const { rows, columns } = b;
  const size = rows * columns;
  const turned = scratch(4 * count * size);
  const outer = [1, intTable([count, size, size])] as const;
  launch(
    "copyTransposed",
    count * Math.ceil(columns / 16),
    1,
    b.address,
    turned,
    columns,
    rows,
    columns,
    rows,
    ...outer,
  );
  return { address: turned, rows, columns, rowStride: 1, columnStride: rows };
}

export function multiplySkinny(kernel: Kernel, p: SkinnyProduct): void {
  const { a, products, c, columnBias } = p;
  const b = kernel === "multiplyDots" && p.b.rowStride !== 1 ? turnColumns(p.b, p.bCount) : p.b;
  const [m, n, depth] = [a.rows, b.columns, a.columns];
  const indices = [p.aIndex ? intTable(p.aIndex) : NULL, p.bIndex ? intTable(p.bIndex) : NULL] as const;
  if (kernel === "multiplyRows") {
    const shape = intTable([
      ...[m, n, depth, a.rowStride, a.columnStride, b.columnStride, b.rowStride],
      ...[m * depth, n * depth, n, 1, m * n, 0, 0],
    ]);
    const units = products * Math.ceil(m / ROW_BLOCK) * Math.ceil(n / COLUMN_BLOCK);
    const work = Math.min(m, ROW_BLOCK) * Math.min(n, COLUMN_BLOCK) * depth;
    launch(kernel, units, Math.ceil(GRAIN / work), a.address, b.address, ...indices, c, shape);
    return;
  }
  // the kernel's units are columns of C: the longer side becomes that of the columns
  const turned = m > n;
  const [rows, columns] = turned ? [n, m] : [m, n];
  const [left, right] = turned ? [b, a] : [a, b];
  const leftRow = turned ? b.columnStride : a.rowStride;
  const rightColumn = turned ? a.rowStride : b.columnStride;
  const shape = intTable([
    ...[rows, columns, depth, leftRow, 1, rightColumn, 1],
    ...[rows * depth, columns * depth, turned ? 1 : n, turned ? n : 1, m * n, turned ? 1 : 0, turned ? 0 : 1],
  ]);
  const units = products * Math.ceil(columns / DOT_COLUMNS);
  const grain = Math.ceil(GRAIN / (rows * DOT_COLUMNS * Math.max(depth, 1)));
  const [leftIndex, rightIndex] = turned ? [indices[1], indices[0]] : indices;
  launch(kernel, units, grain, left.address, right.address, leftIndex, rightIndex, c, shape, columnBias);
}
