import { type Address, NULL, offset } from "../../runtime/address.ts";
import { Start } from "../../runtime/kernels.generated.ts";
import { kernels } from "../../runtime/kernels.ts";
import { empty, expectFloat, expectSameShape, type NDArray, scratch, zeros } from "../core/array.ts";
import { multiplyPacked, packColumns, packRows, packWeight, sliceOf } from "../matmul/gemm.ts";

/** The sizes of a recurrent layer: steps, samples, hidden size, and the number of gates. */
export interface Sizes {
  steps: number;
  batch: number;
  hidden: number;
  gates: number;
}

/** Number of floats that a thread takes at a time in the kernels of a step. */
const STEP_GRAIN = 4096;

/** The grain of a step's kernel, in samples. */
export function sampleGrain({ hidden }: Sizes): number {
  return Math.max(1, Math.ceil(STEP_GRAIN / (4 * hidden)));
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
 * The states before and after each step, in the order of time: forward, the state before step t is row t and
 * the state after it row t + 1; in reverse it is the other way round.
 */
export class StateRows {
  readonly array: NDArray;
  readonly #bytes: number;
  readonly #reverse: boolean;

  constructor(array: NDArray, reverse: boolean) {
    this.array = array;
    this.#bytes = array.shape[1] * array.shape[2] * 4;
    this.#reverse = reverse;
  }

  /** New rows, of which the first one in the order of computation is `initial`. */
  static of({ steps, batch, hidden }: Sizes, initial: NDArray, reverse: boolean): StateRows {
    const rows = new StateRows(empty([steps + 1, batch, hidden]), reverse);
    kernels().copyBytes(rows.#row(reverse ? steps : 0), initial.address, rows.#bytes);
    return rows;
  }

  #row(index: number): Address {
    return offset(this.array.address, index * this.#bytes);
  }

  before(t: number): Address {
    return this.#row(this.#reverse ? t + 1 : t);
  }

  after(t: number): Address {
    return this.#row(this.#reverse ? t : t + 1);
  }

  /** The state after the last step. */
  get last(): Address {
    return this.#row(this.#reverse ? 0 : this.array.shape[0] - 1);
  }

  /** The first of the rows before the steps, in the order of time. */
  get allBefore(): Address {
    return this.#row(this.#reverse ? 1 : 0);
  }
}

/** The steps in the order in which the layer takes them. */
export function order(steps: number, reverse: boolean): number[] {
  return Array.from({ length: steps }, (_, i) => (reverse ? steps - 1 - i : i));
}

/** `to = h weightᵀ + bias`: h [N,H], weight [gates·H,H]. */
export function multiplyState(sizes: Sizes, h: Address, weight: NDArray, bias: NDArray | null, to: Address): void {
  const { batch, hidden, gates } = sizes;
  const n = gates * hidden;
  const lines = { batches: 1, depth: hidden, batchStride: 0, lineStride: hidden, kStride: 1 };
  multiplyPacked({
    aPanels: packRows({ ...lines, address: h, lines: batch }),
    bPanels: packWeight("packPanels8", weight, { ...lines, lines: n }),
    count: 1,
    c: to,
    m: batch,
    n,
    depth: hidden,
    start: bias ? Start.ColumnBias : Start.Zero,
    bias: bias?.address ?? NULL,
  });
}

/** `to = to + dGates weight`: dGates [N,gates·H], weight [gates·H,H]. */
export function addThroughWeight(sizes: Sizes, dGates: Address, weight: NDArray, to: Address): void {
  const { batch, hidden, gates } = sizes;
  const depth = gates * hidden;
  multiplyPacked({
    aPanels: packRows({
      address: dGates,
      batches: 1,
      lines: batch,
      depth,
      batchStride: 0,
      lineStride: depth,
      kStride: 1,
    }),
    bPanels: packWeight("packPanels8", weight, {
      batches: 1,
      lines: hidden,
      depth,
      batchStride: 0,
      lineStride: 1,
      kStride: hidden,
    }),
    count: 1,
    c: to,
    m: batch,
    n: hidden,
    depth,
    start: Start.C,
  });
}

/** The gradient of the weight, over all steps: dGates [T,N,gates·H]; h: the states before the steps. */
export function weightGradient(sizes: Sizes, dGates: NDArray, h: Address): NDArray {
  const { steps, batch, hidden, gates } = sizes;
  const depth = steps * batch;
  if (depth === 0) return zeros([gates * hidden, hidden]);
  const dWeight = empty([gates * hidden, hidden]);
  const slice = sliceOf(depth);
  const lines = { batches: 1, depth, batchStride: 0, lineStride: 1 };
  multiplyPacked({
    aPanels: packRows({ ...lines, address: dGates.address, lines: gates * hidden, kStride: gates * hidden }, slice),
    bPanels: packColumns({ ...lines, address: h, lines: hidden, kStride: hidden }, slice),
    slice,
    count: 1,
    c: dWeight.address,
    m: gates * hidden,
    n: hidden,
    depth,
  });
  return dWeight;
}

/** Address of row t of an array whose rows have `width` floats per sample. */
export function stepOf(array: NDArray, t: number): Address {
  return offset(array.address, (t * array.size * 4) / Math.max(array.shape[0], 1));
}

/** Scratch memory for the products of one step. */
export function productScratch({ batch, hidden, gates }: Sizes): Address {
  return scratch(batch * gates * hidden * 4);
}
