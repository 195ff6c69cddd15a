import { checkInteger } from "../../checks.ts";
import { formatShape, OptionError, ShapeError } from "../../errors.ts";
import { type NDArray, normalizeDim, stridesOf } from "../core/array.ts";
import { type Attributes, type Gradients, Op } from "../core/op.ts";
import { type Region, readRegion, scatterRegion } from "./strided.ts";

/** Two different dimensions, and the other ones in order. */
function splitDims(op: string, rank: number, dim1: number, dim2: number): { a: number; b: number; rest: number[] } {
  const [a, b] = [normalizeDim(op, dim1, rank), normalizeDim(op, dim2, rank)];
  if (a === b) throw new OptionError(`${op}: expected two different dimensions, got ${dim1} and ${dim2}`);
  return { a, b, rest: Array.from({ length: rank }, (_, d) => d).filter((d) => d !== a && d !== b) };
}

/**
 * The diagonal of dimensions `dim1` and `dim2`, which becomes the last dimension: the elements whose position
 * in `dim2` is their position in `dim1` plus `offset`.
 */
export function diagonalRegion(
  op: string,
  shape: readonly number[],
  offset: number,
  dim1: number,
  dim2: number,
): Region {
  if (shape.length < 2) throw new ShapeError(`${op}: expected two dimensions or more, got ${formatShape(shape)}`);
  checkInteger(op, "offset", offset, -(2 ** 31));
  const { a, b, rest } = splitDims(op, shape.length, dim1, dim2);
  const strides = stridesOf(shape);
  const [row, column] = [Math.max(-offset, 0), Math.max(offset, 0)];
  const length = Math.max(0, Math.min(shape[a] - row, shape[b] - column));
  return {
    offset: length === 0 ? 0 : row * strides[a] + column * strides[b],
    shape: [...rest.map((d) => shape[d]), length],
    strides: [...rest.map((d) => strides[d]), strides[a] + strides[b]],
  };
}

/** Makes matrices whose diagonal is the last dimension of x and whose other elements are 0. */
export class DiagEmbed extends Op {
  readonly name = "diagEmbed";
  readonly attributes: Attributes;
  readonly #place: [offset: number, dim1: number, dim2: number];
  #region: Region = { offset: 0, shape: [], strides: [] };

  constructor(offset: number, dim1: number, dim2: number) {
    super();
    this.attributes = { offset, dim1, dim2 };
    this.#place = [checkInteger("diagEmbed", "offset", offset, -(2 ** 31)), dim1, dim2];
  }

  forward(x: NDArray): NDArray {
    if (x.shape.length === 0) throw new ShapeError("diagEmbed: expected one dimension or more, got a scalar");
    const [offset, dim1, dim2] = this.#place;
    const { a, b, rest } = splitDims(this.name, x.shape.length + 1, dim1, dim2);
    const side = (x.shape.at(-1) as number) + Math.abs(offset);
    const shape = new Array<number>(x.shape.length + 1).fill(side);
    rest.forEach((d, i) => {
      shape[d] = x.shape[i];
    });
    this.#region = diagonalRegion(this.name, shape, offset, a, b);
    return scatterRegion(shape, this.#region, x);
  }

  override backward(dy: NDArray): Gradients {
    return [readRegion(dy, this.#region)];
  }
}
