import { formatShape, ShapeError } from "../../errors.ts";
import { type Address, NULL } from "../../runtime/address.ts";
import { NR, Start } from "../../runtime/kernels.generated.ts";
import { empty, expectFloat, type NDArray, sizeOf, zeros } from "../core/array.ts";
import { broadcastShapes } from "../core/broadcast.ts";
import { type Attributes, type Gradients, NO_ATTRIBUTES, Op } from "../core/op.ts";
import { noteAlgorithm } from "../core/recorder.ts";
import { sumTo } from "../reduce/sum.ts";
import { isInRace, multiplyPacked, packColumns, packRows, packWideColumns, sliceOf } from "./gemm.ts";
import { multiplyRowsByPanels } from "./gemm_rows.ts";
import { multiplySkinny, skinnyKernel } from "./skinny.ts";
import { tileColumns } from "./tile.ts";

/**
 * A batch of matrices, which may be read as transposed: element (row, column) is at row rowStride + column
 * columnStride.
 */
export interface Matrices {
  address: Address;
  /** Shape of the batch: the dimensions before the last two. */
  batch: readonly number[];
  rows: number;
  columns: number;
  rowStride: number;
  columnStride: number;
}

function matrices(x: NDArray): Matrices {
  const [rows, columns] = x.shape.slice(-2);
  return { address: x.address, batch: x.shape.slice(0, -2), rows, columns, rowStride: columns, columnStride: 1 };
}

/**
 * The same memory read with rows and columns exchanged. Nothing is copied, because packing uses the strides.
 */
function transposed(x: Matrices): Matrices {
  return { ...x, rows: x.columns, columns: x.rows, rowStride: x.columnStride, columnStride: x.rowStride };
}

/** For each matrix of the broadcast batch, its index in a batch of shape `batch`. */
function broadcastIndex(batch: readonly number[], out: readonly number[]): number[] {
  let index = [0];
  let stride = sizeOf(batch);
  for (let d = 0; d < out.length; d++) {
    const length = batch[d - (out.length - batch.length)] ?? 1;
    stride /= Math.max(length, 1);
    const step = length === 1 ? 0 : stride;
    index = index.flatMap((start) => Array.from({ length: out[d] }, (_, i) => start + i * step));
  }
  return index;
}

/** `A B` for batches that broadcast, plus `columnBias` (one float per column) if given. */
export function multiply(a: Matrices, b: Matrices, columnBias?: NDArray | null): NDArray {
  const batch = broadcastShapes("matmul", a.batch, b.batch);
  const [m, n, depth] = [a.rows, b.columns, a.columns];
  const shape = [...batch, m, n];
  if (sizeOf(shape) === 0) return empty(shape);
  if (depth === 0 && !columnBias) return zeros(shape);
  const out = empty(shape);
  const products = sizeOf(batch);
  const skinny = skinnyKernel(a, b, Boolean(columnBias));
  noteAlgorithm(skinny ? "skinny" : "packed");
  if (skinny) {
    multiplySkinny(skinny, {
      a,
      b,
      products,
      aIndex: sizeOf(a.batch) === products ? null : broadcastIndex(a.batch, batch),
      bIndex: sizeOf(b.batch) === products ? null : broadcastIndex(b.batch, batch),
      bCount: sizeOf(b.batch),
      c: out.address,
      columnBias: columnBias?.address ?? NULL,
    });
    return out;
  }
  const right = {
    address: b.address,
    batches: sizeOf(b.batch),
    lines: n,
    depth,
    batchStride: n * depth,
    lineStride: b.columnStride,
    kStride: b.rowStride,
  };
  const sides = {
    count: products,
    aIndex: broadcastIndex(a.batch, batch),
    bIndex: broadcastIndex(b.batch, batch),
    c: out.address,
    m,
    n,
    depth,
  };
  const inRace = isInRace(products * m * n * depth);
  if (tileColumns() > NR && !inRace) {
    multiplyRowsByPanels({
      ...sides,
      a: a.address,
      aRow: a.rowStride,
      aStep: a.columnStride,
      bPanels: packWideColumns(right),
      bias: columnBias?.address ?? NULL,
    });
    return out;
  }
  const slice = sizeOf(a.batch) === 1 && sizeOf(b.batch) === 1 ? sliceOf(depth) : depth;
  const left = {
    address: a.address,
    batches: sizeOf(a.batch),
    lines: m,
    depth,
    batchStride: m * depth,
    lineStride: a.rowStride,
    kStride: a.columnStride,
  };
  multiplyPacked({
    ...sides,
    aPanels: packRows(left, slice),
    bPanels: packColumns(right, slice),
    slice,
    start: columnBias ? Start.ColumnBias : Start.Zero,
    bias: columnBias?.address,
    inRace,
  });
  return out;
}

/**
 * Matrix product, `torch.matmul`. Vectors are rows on the left and columns on the right; batches broadcast.
 *
 * dA = dC Bᵀ and dB = Aᵀ dC, summed over the dimensions that were broadcast.
 */
export class MatMul extends Op {
  readonly name = "matmul";
  #a!: readonly number[];
  #b!: readonly number[];

  get attributes(): Attributes {
    return NO_ATTRIBUTES;
  }

  forward(a: NDArray, b: NDArray): NDArray {
    expectFloat(this.name, a, b);
    if (a.shape.length === 0 || b.shape.length === 0) {
      throw new ShapeError(
        `matmul: expected at least one dimension, got ${formatShape(a.shape)} and ${formatShape(b.shape)}`,
      );
    }
    this.#a = a.shape;
    this.#b = b.shape;
    const [left, right] = this.#asMatrices(a, b);
    if (left.shape.at(-1) !== right.shape.at(-2)) {
      throw new ShapeError(
        `matmul: the left operand has ${left.shape.at(-1)} columns, the right one ${right.shape.at(-2)} rows ` +
          `(left ${formatShape(a.shape)}, right ${formatShape(b.shape)})`,
      );
    }
    this.save(a, b);
    const out = multiply(matrices(left), matrices(right));
    return out.withShape(this.#outShape(out, left));
  }

  override backward(dc: NDArray): Gradients {
    const [a, b] = this.saved as [NDArray, NDArray];
    const [left, right] = this.#asMatrices(a, b);
    const dOut = matrices(dc.withShape([...this.#batchShape(left, right), left.shape.at(-2)!, right.shape.at(-1)!]));
    const [l, r] = [matrices(left), matrices(right)];
    const da = this.needs[0] ? sumTo(multiply(dOut, transposed(r)), left.shape).withShape(this.#a) : null;
    const db = this.needs[1] ? sumTo(multiply(transposed(l), dOut), right.shape).withShape(this.#b) : null;
    return [da, db];
  }

  /**
   * Reshapes vectors to matrices. If only the left operand has a batch, its matrices become one tall matrix.
   */
  #asMatrices(a: NDArray, b: NDArray): [NDArray, NDArray] {
    const right = b.shape.length === 1 ? b.withShape([b.shape[0], 1]) : b;
    if (a.shape.length === 1) return [a.withShape([1, a.shape[0]]), right];
    if (right.shape.length > 2) return [a, right];
    const columns = a.shape.at(-1)!;
    return [a.withShape([sizeOf(a.shape.slice(0, -1)), columns]), right];
  }

  #batchShape(left: NDArray, right: NDArray): number[] {
    return broadcastShapes(this.name, left.shape.slice(0, -2), right.shape.slice(0, -2));
  }

  #outShape(out: NDArray, left: NDArray): number[] {
    const tall = left.shape.length !== this.#a.length && this.#a.length > 1;
    const shape = tall ? [...this.#a.slice(0, -1), out.shape.at(-1)!] : [...out.shape];
    if (this.#b.length === 1) shape.pop();
    if (this.#a.length === 1) shape.splice(this.#b.length === 1 ? -1 : -2, 1);
    return shape;
  }
}

/**
 * `y = x Wᵀ + b`, x [..., in], W [out, in], b [out] or null.
 *
 * dx = dy W, dW = dyᵀ x, db = dy summed over its rows.
 */
export class Linear extends Op {
  readonly name = "linear";

  get attributes(): Attributes {
    return NO_ATTRIBUTES;
  }

  override get required(): number {
    return 2;
  }

  forward(x: NDArray, weight: NDArray, bias: NDArray | null): NDArray {
    expectFloat(this.name, x, weight, bias);
    const inFeatures = weight.shape[1];
    if (weight.shape.length !== 2 || x.shape.length === 0 || x.shape.at(-1) !== inFeatures) {
      throw new ShapeError(
        `linear: expected input [..., in] and weight [out, in], got input ${formatShape(x.shape)}, weight ${formatShape(weight.shape)}`,
      );
    }
    if (bias && (bias.shape.length !== 1 || bias.shape[0] !== weight.shape[0])) {
      throw new ShapeError(
        `linear: bias expected shape [${weight.shape[0]}], got ${formatShape(bias.shape)} (weight ${formatShape(weight.shape)})`,
      );
    }
    this.save(x, weight);
    const out = multiply(this.#rows(x), transposed(matrices(weight)), bias);
    return out.withShape([...x.shape.slice(0, -1), weight.shape[0]]);
  }

  override backward(dy: NDArray): Gradients {
    const [x, weight] = this.saved as [NDArray, NDArray];
    const dOut = this.#rows(dy);
    return [
      this.needs[0] ? multiply(dOut, matrices(weight)).withShape(x.shape) : null,
      this.needs[1] ? multiply(transposed(dOut), this.#rows(x)) : null,
      this.needs[2] ? sumTo(dy, [weight.shape[0]]) : null,
    ];
  }

  /** The array as one matrix, whose row index combines all dimensions except the last. */
  #rows(x: NDArray): Matrices {
    const columns = x.shape.at(-1)!;
    return matrices(x.withShape([sizeOf(x.shape.slice(0, -1)), columns]));
  }
}
