import { type Address, offset } from "../../runtime/address.ts";
import { MR, sequenceSizesWords, TILE_BYTES } from "../../runtime/kernels.generated.ts";
import { getNumThreads } from "../../runtime/parallel/pool.ts";
import { empty, expectFloat, expectSameShape, intTable, type NDArray, scratch } from "../core/array.ts";
import { packWeight, rowPanelBytes, WORTH_SHARING } from "../matmul/gemm.ts";
import { multiply } from "../matmul/matmul.ts";
import { tileColumns } from "../matmul/tile.ts";
import { kernels } from "./kernels.ts";

/** The sizes of a recurrent layer: steps, samples, hidden size, and the number of gates. */
export interface Sizes {
  steps: number;
  batch: number;
  hidden: number;
  gates: number;
}

/** Checks gx [T,N,gates·H], weight [gates·H,H] and the initial states [N,H]; returns the sizes. */
export function readSizes(op: string, gates: number, gx: NDArray, weight: NDArray, states: NDArray[]): Sizes {
  expectFloat(op, gx, weight, ...states);
  const hidden = weight.shape[1];
  const [steps, batch] = gx.shape;
  expectSameShape(op, "weightHh", [gates * hidden, hidden], weight.shape);
  expectSameShape(op, "the product of the inputs", [steps, batch, gates * hidden], gx.shape);
  for (const state of states) expectSameShape(op, "the initial state", [batch, hidden], state.shape);
  return { steps, batch, hidden, gates };
}

/**
 * The states before and after each step [T+1,N,H], in the order of time: forward, the state before step t is
 * row t and the state after it row t + 1; in reverse it is the other way round. The first row in the order of
 * computation is `initial`.
 */
export function stateRows({ steps, batch, hidden }: Sizes, initial: NDArray, reverse: boolean): NDArray {
  const rows = empty([steps + 1, batch, hidden]);
  const bytes = batch * hidden * 4;
  kernels().copyBytes(offset(rows.address, reverse ? steps * bytes : 0), initial.address, bytes);
  return rows;
}

/** The address of the states before the steps, [T,N,H], among all states. */
export function statesBefore({ batch, hidden }: Sizes, rows: NDArray, reverse: boolean): Address {
  return offset(rows.address, reverse ? batch * hidden * 4 : 0);
}

/** What the kernels of a sequence share: their range, grain, table of sizes and scratch memory. */
export interface Launch {
  batch: number;
  grain: number;
  sizes: Address;
  work: Address;
}

/** Forward, a chunk also keeps the products of a step. */
export function prepareLaunch(sizes: Sizes, reverse: boolean, pass: "forward" | "backward"): Launch {
  const { steps, batch, hidden, gates } = sizes;
  const threads = steps * batch * gates * hidden * hidden < WORTH_SHARING ? 1 : getNumThreads();
  // whole tiles of the product
  const grain = Math.max(MR, Math.ceil(batch / threads / MR) * MR);
  const width = gates * hidden;
  const products = pass === "forward" ? Math.ceil((grain * width) / 4) * 16 : 0;
  const workBytes = TILE_BYTES + products + rowPanelBytes(grain, pass === "forward" ? hidden : width);
  const table = { steps, batch, size: hidden, gates, reverse: Number(reverse), tileColumns: tileColumns() };
  return {
    batch,
    grain,
    sizes: intTable(sequenceSizesWords({ ...table, workBytes })),
    work: scratch(Math.ceil(batch / grain) * workBytes),
  };
}

/** Panels of the weight [gates·H,H] for the products with states, or those with gradients of gates. */
export function packStateWeight({ hidden, gates }: Sizes, weight: NDArray, pass: "forward" | "backward"): Address {
  const width = gates * hidden;
  return pass === "forward"
    ? packWeight("packPanels8", weight, {
        batches: 1,
        lines: width,
        depth: hidden,
        batchStride: 0,
        lineStride: hidden,
        kStride: 1,
      })
    : packWeight("packPanels8", weight, {
        batches: 1,
        lines: hidden,
        depth: width,
        batchStride: 0,
        lineStride: 1,
        kStride: hidden,
      });
}

/** The gradient of the weight, over all steps: dGates [T,N,gates·H]; h: the states before the steps. */
export function weightGradient({ steps, batch, hidden, gates }: Sizes, dGates: NDArray, h: Address): NDArray {
  const rows = steps * batch;
  const width = gates * hidden;
  const slopes = { address: dGates.address, batch: [], rows: width, columns: rows, rowStride: 1, columnStride: width };
  const states = { address: h, batch: [], rows, columns: hidden, rowStride: hidden, columnStride: 1 };
  return multiply(slopes, states);
}
