import type { Address } from "../../runtime/address.ts";
import { PANEL_COLUMNS, ROWS_BLOCK, ROWS_SCRATCH_BYTES, rowsLayoutWords } from "../../runtime/kernels.generated.ts";
import { launch } from "../../runtime/kernels.ts";
import { getNumThreads } from "../../runtime/parallel/pool.ts";
import { intTable, scratch } from "../core/array.ts";
import { WORTH_SHARING } from "./gemm.ts";

/**
 * Matrix products whose left operand is read where it is: see assembly/matmul/gemm_rows.ts. They are used
 * where a tile of 16 columns is the faster one (tile.ts), and give the same bits as products of packed
 * operands.
 */

/** Units per thread, so that all threads finish at about the same time. */
const UNITS_PER_THREAD = 4;
/** Rows that are a multiple of so many elements apart share few sets of the caches. */
const CONFLICTING_STRIDE = 1024;
/** Rows of a tile. */
const TILE_ROWS = 6;

export interface RowsProduct {
  /** Element (row i, step k) of matrix p of A is at a + 4 (p m depth + i aRow + k aStep). One stride is 1. */
  a: Address;
  aRow: number;
  aStep: number;
  bPanels: Address;
  /** Number of products. */
  count: number;
  /** For each product, the indices of its left and right matrix. */
  aIndex: readonly number[];
  bIndex: readonly number[];
  /** Address of the result, [products][m][n]. */
  c: Address;
  m: number;
  n: number;
  /** The length of the sums, at least 1. */
  depth: number;
  /** n floats, or NULL. */
  bias: Address;
}

const roundUp = (value: number, multiple: number) => Math.ceil(value / multiple) * multiple;

/** C = bias + A B for each product. */
export function multiplyRowsByPanels(p: RowsProduct): void {
  const { count, m, n, depth, a, aRow, aStep } = p;
  const rowBlock = roundUp(m / Math.ceil(m / ROWS_BLOCK), TILE_ROWS);
  let columnBlock = roundUp(n, PANEL_COLUMNS);
  const unitsOf = (columns: number) => count * Math.ceil(m / rowBlock) * Math.ceil(n / columns);
  const threads = count * m * n * depth < WORTH_SHARING ? 1 : getNumThreads();
  const wanted = threads > 1 ? threads * UNITS_PER_THREAD : 1;
  while (columnBlock > PANEL_COLUMNS && unitsOf(columnBlock) < wanted) {
    columnBlock = roundUp(columnBlock / 2, PANEL_COLUMNS);
  }
  const units = unitsOf(columnBlock);
  const grain = Math.ceil(units / (threads * UNITS_PER_THREAD));
  const copies = Number(aStep !== 1 || aRow % CONFLICTING_STRIDE === 0);
  const layout = intTable(rowsLayoutWords({ m, n, depth, aRow, aStep, copies, rowBlock, columnBlock }));
  const own = scratch(Math.ceil(units / grain) * ROWS_SCRATCH_BYTES);
  const operands = [a, p.bPanels, intTable(p.aIndex), intTable(p.bIndex), p.c] as const;
  launch("gemmRows", units, grain, ...operands, layout, p.bias, own, grain);
}
