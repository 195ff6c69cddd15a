import { formatShape, ShapeError } from "../../errors.ts";
import { NULL } from "../../runtime/address.ts";
import { kernels, launch } from "../../runtime/kernels.ts";
import { ELEMENTWISE_GRAIN, empty, emptyLike, type NDArray, normalizeDim, zeros } from "../core/array.ts";
import { type AxisView, axisRange, axisView, type ReduceOptions, readKeepdim, reducedShape } from "../core/axis.ts";
import { type Attributes, type Gradients, NO_ATTRIBUTES, Op } from "../core/op.ts";

type Kind = "max" | "min";

/** Runs the kernel along an axis; writes values or indices or both. */
export function findAlong(
  op: string,
  kind: Kind,
  x: NDArray,
  axis: AxisView,
  values: NDArray | null,
  indices: NDArray | null,
): void {
  const { length, inner } = axis;
  const { total, grain } = axisRange(axis);
  // an empty slice has no extremum, but there may be no slices at all
  if (length === 0 && (values ?? indices)?.size !== 0) {
    throw new ShapeError(`${op}: expected at least one element to choose from, got shape ${formatShape(x.shape)}`);
  }
  const kernel = x.dtype === "float32" ? "extremum" : "extremumInt";
  const targets = [values?.address ?? NULL, indices?.address ?? NULL] as const;
  launch(kernel, total, grain, x.address, ...targets, length, inner, kind === "max" ? 1 : -1);
}

const wholeAxis = (x: NDArray): AxisView => ({ outer: 1, length: x.size, inner: 1 });

/**
 * The largest or smallest of all elements; NaN if any element is NaN. Elements equal to it share the gradient
 * evenly, as in PyTorch.
 */
export class ExtremumOfAll extends Op {
  readonly name: Kind;

  constructor(name: Kind) {
    super();
    this.name = name;
  }

  get attributes(): Attributes {
    return NO_ATTRIBUTES;
  }

  forward(x: NDArray): NDArray {
    const y = empty([], x.dtype);
    findAlong(this.name, this.name, x, wholeAxis(x), y, null);
    this.save(x, y);
    return y;
  }

  override backward(dy: NDArray): Gradients {
    const [x, y] = this.saved as [NDArray, NDArray];
    const dx = emptyLike(x);
    const count = kernels().countEqual(x.address, y.address, x.size);
    launch("shareAmongEqual", x.size, ELEMENTWISE_GRAIN, x.address, y.address, dy.address, dx.address, count);
    return [dx];
  }
}

/**
 * The largest or smallest element along a dimension, and its index. If several are equal, the first one is
 * chosen and gets the gradient.
 */
export class Extremum extends Op {
  readonly name: Kind;
  readonly #dim: number;
  readonly #options: ReduceOptions | undefined;
  #axis: AxisView = { outer: 0, length: 0, inner: 0 };
  #shape: readonly number[] = [];

  constructor(name: Kind, dim: number, options?: ReduceOptions) {
    super();
    this.name = name;
    this.#dim = dim;
    this.#options = options;
  }

  get attributes(): Attributes {
    return { dim: this.#dim, keepdim: this.#options?.keepdim ?? false };
  }

  forward(x: NDArray): NDArray[] {
    const dim = normalizeDim(this.name, this.#dim, x.shape.length);
    const reduced = x.shape.map((_, d) => d === dim);
    const shape = reducedShape(x.shape, reduced, readKeepdim(this.name, this.#options));
    this.#axis = axisView(x.shape, dim);
    this.#shape = x.shape;
    const [values, indices] = [empty(shape, x.dtype), empty(shape, "int32")];
    findAlong(this.name, this.name, x, this.#axis, values, indices);
    this.save(indices);
    return [values, indices];
  }

  override backward(dy: NDArray): Gradients {
    const [indices] = this.saved as [NDArray];
    const dx = zeros(this.#shape);
    const { length, inner } = this.#axis;
    launch("scatterToIndices", dy.size, ELEMENTWISE_GRAIN, dy.address, indices.address, dx.address, length, inner);
    return [dx];
  }
}

/**
 * The index of the largest or smallest element, in the whole tensor (in row-major order) or along a
 * dimension. The result is int32 and has no gradient.
 */
export class IndexOfExtremum extends Op {
  readonly name: "argmax" | "argmin";
  readonly #dim: number | null;
  readonly #options: ReduceOptions | undefined;

  constructor(name: "argmax" | "argmin", dim: number | null = null, options?: ReduceOptions) {
    super();
    this.name = name;
    this.#dim = dim;
    this.#options = options;
  }

  get attributes(): Attributes {
    return { dim: this.#dim, keepdim: this.#options?.keepdim ?? false };
  }

  forward(x: NDArray): NDArray {
    const keepdim = readKeepdim(this.name, this.#options);
    const dim = this.#dim === null ? null : normalizeDim(this.name, this.#dim, x.shape.length);
    const reduced = x.shape.map((_, d) => dim === null || d === dim);
    const indices = empty(reducedShape(x.shape, reduced, keepdim), "int32");
    const kind = this.name === "argmax" ? "max" : "min";
    findAlong(this.name, kind, x, dim === null ? wholeAxis(x) : axisView(x.shape, dim), null, indices);
    return indices;
  }
}
