import { type Address, NULL, offset } from "../../runtime/address.ts";
import {
  GEMM_DEPTH_BLOCK,
  GEMM_ROW_BLOCK,
  MR,
  NR,
  PANEL_COLUMNS,
  Start,
  TILE_BYTES,
} from "../../runtime/kernels.generated.ts";
import { kernels, launch } from "../../runtime/kernels.ts";
import { getNumThreads } from "../../runtime/parallel/pool.ts";
import { intTable, type NDArray, scratch } from "../core/array.ts";
import { isRacing, raceTiles, tileColumns } from "./tile.ts";

/**
 * The packed matrix product, used by matmul, linear and most convolutions. Operands are packed into panels,
 * which one kernel multiplies (see assembly/matmul).
 */

/**
 * Number of columns of C that a unit of the gemm kernel computes. Each unit loads its panels of A again, so
 * more columns are faster, as long as there are enough units for all threads.
 */
const WIDE_BLOCK = 256;
const NARROW_BLOCK = 128;
const MANY_UNITS = 32;
/**
 * Products with at least this many multiplications are shared among the threads, even if they have only one
 * block of WIDE_BLOCK columns.
 */
export const WORTH_SHARING = 1 << 18;
/** Products with at least this many multiplications take part in the race of tiles: see tile.ts. */
const WORTH_RACING = 1 << 20;
/** Whether a product of `work` multiplications takes part in the race of tiles. Called once per product. */
export function isInRace(work: number): boolean {
  return work >= WORTH_RACING && isRacing();
}

/** Number of panels that a thread packs at a time. */
const PACK_GRAIN = 16;

/**
 * Matrices in memory, in elements: element (line, k) of number b is at address + 4 (b batchStride + line
 * lineStride + k kStride).
 */
export interface Lines {
  address: Address;
  batches: number;
  lines: number;
  depth: number;
  batchStride: number;
  lineStride: number;
  kStride: number;
}

/** Size in bytes of one matrix packed in panels of MR rows. The last panel is padded. */
export function rowPanelBytes(rows: number, depth: number): number {
  return Math.ceil(rows / MR) * MR * depth * 4;
}

/** Size in bytes of one matrix packed in panels of NR columns. The last panel is padded. */
export function columnPanelBytes(columns: number, depth: number): number {
  return Math.ceil(columns / NR) * NR * depth * 4;
}

/**
 * Packs the left operand's rows in panels of MR lines, in slices of `slice` k-steps (default: one slice).
 * Returns the address of the panels.
 */
export function packRows(x: Lines, slice?: number): Address {
  return pack("packPanels4", MR, x, slice);
}

/** Packs the right operand's columns in panels of NR lines. */
export function packColumns(x: Lines, slice?: number): Address {
  return pack("packPanels8", NR, x, slice);
}

/** Packs the right operand's columns for multiplyRowsByPanels (gemm_rows.ts). */
export function packWideColumns(x: Lines): Address {
  return pack("packPanels16", PANEL_COLUMNS, x);
}

/**
 * Number of k-steps in a slice. The panels of a long sum are packed in slices, one per pass, so that the data
 * of a pass is contiguous. Only single matrices can be packed in slices.
 */
export function sliceOf(depth: number): number {
  return Math.ceil(depth / Math.max(1, Math.ceil(depth / GEMM_DEPTH_BLOCK)));
}

/**
 * The panels of a weight, of MR or NR lines, cached until the weight changes. The weight must begin at the
 * start of its block.
 */
export function packWeight(kernel: "packPanels4" | "packPanels8", weight: NDArray, x: Omit<Lines, "address">): Address {
  const width = kernel === "packPanels4" ? MR : NR;
  const key = [kernel, x.batches, x.lines, x.depth, x.batchStride, x.lineStride, x.kStride] as const;
  return weight.block.cached(key, panelBytes(width, x, x.depth), (to) =>
    packInto(kernel, width, x, weight.address, x.depth, to),
  );
}

type PackKernel = "packPanels4" | "packPanels8" | "packPanels16";

function pack(kernel: PackKernel, width: number, x: Lines, slice = x.depth): Address {
  const panels = scratch(panelBytes(width, x, x.depth));
  for (let k = 0; k < x.depth; k += slice) {
    const address = offset(x.address, 4 * k * x.kStride);
    packInto(kernel, width, x, address, Math.min(slice, x.depth - k), offset(panels, panelBytes(width, x, k)));
  }
  return panels;
}

/** The layout of lines, without their address and depth. */
type Layout = Omit<Lines, "address" | "depth">;

const panelBytes = (width: number, x: Layout, depth: number) =>
  x.batches * Math.ceil(x.lines / width) * depth * width * 4;

/**
 * Packs `depth` elements of each line, starting at `address`. (These are separate parameters because copying
 * the object of lines would take microseconds.)
 */
function packInto(
  kernel: PackKernel,
  width: number,
  x: Layout,
  address: Address,
  depth: number,
  panels: Address,
): void {
  const { batches, lines, batchStride, lineStride, kStride } = x;
  const count = batches * Math.ceil(lines / width);
  launch(kernel, count, PACK_GRAIN, address, lines, depth, batchStride, lineStride, kStride, panels);
}

export interface Product {
  aPanels: Address;
  bPanels: Address;
  /** Number of products. */
  count: number;
  /**
   * For each product, the indices of its left and right matrix among the packed matrices. Default: the index
   * of the product.
   */
  aIndex?: readonly number[];
  bIndex?: readonly number[];
  /** Address of the result, [products][m][n]. */
  c: Address;
  m: number;
  n: number;
  /** The length of the sums, at least 1. */
  depth: number;
  /** k-steps per slice of the packed panels. Default: one slice. */
  slice?: number;
  /** Bytes from one matrix to the next. Default: contiguous. */
  aStride?: number;
  bStride?: number;
  cStride?: number;
  start?: Start;
  /** m floats per left matrix, or n per right matrix, depending on `start`. */
  bias?: Address;
  /** Whether to apply max(., 0) to each element. Default false. */
  relu?: boolean;
  /** The result of isInRace, if the caller has called it. */
  inRace?: boolean;
}

/** C = start + A B for each product. */
export function multiplyPacked(p: Product): void {
  const { m, n, depth, slice = depth, start = Start.Zero, bias = NULL, relu = false } = p;
  const { aStride = rowPanelBytes(m, depth), bStride = columnPanelBytes(n, depth), cStride = m * n * 4 } = p;
  const unitsOf = (columns: number) => p.count * Math.ceil(m / GEMM_ROW_BLOCK) * Math.ceil(n / columns);
  let columnBlock = unitsOf(WIDE_BLOCK) >= MANY_UNITS ? WIDE_BLOCK : NARROW_BLOCK;
  const wanted = p.count * m * n * depth < WORTH_SHARING ? 1 : getNumThreads();
  while (columnBlock > NR && unitsOf(columnBlock) < wanted) columnBlock /= 2;
  const units = unitsOf(columnBlock);
  const aIndex = p.aIndex ? intTable(p.aIndex) : NULL;
  const bIndex = p.bIndex ? intTable(p.bIndex) : NULL;
  const edge = scratch(units * TILE_BYTES);
  const { aPanels, bPanels, c } = p;
  // biome-ignore format: the kernels' argument list
  const operands = [aPanels, bPanels, aIndex, bIndex, c, m, n, depth, slice, columnBlock, aStride, bStride, cStride] as const;
  if (start === Start.C) {
    launch("addGemm", units, 1, ...operands, tileColumns(), edge);
    return;
  }
  const last = [start, bias, Number(relu), edge] as const;
  if (p.inRace ?? isInRace(p.count * m * n * depth)) {
    // computes the first unit repeatedly, always with the same result
    const { gemm } = kernels();
    const work = Math.min(m, GEMM_ROW_BLOCK) * Math.min(n, columnBlock) * depth;
    raceTiles(work, (columns) => gemm(0, 1, ...operands, columns, ...last));
  }
  launch("gemm", units, 1, ...operands, tileColumns(), ...last);
}
