import { DTypeError, formatShape } from "../../errors.ts";
import { SCAN_TILE } from "../../runtime/kernels.generated.ts";
import { launch } from "../../runtime/kernels.ts";
import { empty, emptyLike, type NDArray, normalizeDim, zeros } from "../core/array.ts";
import { type AxisView, axisView, type ReduceOptions, readKeepdim, reducedShape } from "../core/axis.ts";
import { type Attributes, type Gradients, Op } from "../core/op.ts";
import { castTo } from "../elementwise/cast.ts";
import { addAt, gatherAt } from "../movement/scatter.ts";

/** Number of elements that a thread takes at a time. */
const GRAIN = 16384;

/** The range of kernels over columns (o, i), and its grain. */
function columns({ outer, length, inner }: AxisView): [total: number, grain: number] {
  return [length === 0 ? 0 : outer * inner, Math.ceil(GRAIN / Math.max(length, 1))];
}

function sums(x: NDArray, axis: AxisView, reverse: boolean): NDArray {
  const out = emptyLike(x);
  const { outer, length, inner } = axis;
  if (x.dtype === "int32") {
    launch("cumsumInt", ...columns(axis), x.address, out.address, length, inner);
    return out;
  }
  const units = inner === 1 ? outer : outer * Math.ceil(inner / SCAN_TILE);
  const grain = Math.ceil(GRAIN / Math.max(1, length * Math.min(inner, SCAN_TILE)));
  const sizes = [length, inner, Number(reverse)] as const;
  launch(
    "cumsum",
    length === 0 ? 0 : units,
    inner === 1 ? Math.max(grain, 4) : grain,
    x.address,
    out.address,
    ...sizes,
  );
  return out;
}

/** The sum (cumsum) or product (cumprod) of the elements up to each position of a dimension. */
export class Scan extends Op {
  readonly name: "cumsum" | "cumprod";
  readonly #dim: number;
  #axis: AxisView = { outer: 0, length: 0, inner: 0 };

  constructor(name: "cumsum" | "cumprod", dim: number) {
    super();
    this.name = name;
    this.#dim = dim;
  }

  get attributes(): Attributes {
    return { dim: this.#dim };
  }

  forward(input: NDArray): NDArray {
    this.#axis = axisView(input.shape, normalizeDim(this.name, this.#dim, input.shape.length));
    if (this.name === "cumsum") return sums(input.dtype === "bool" ? castTo(input, "int32") : input, this.#axis, false);
    const x = castTo(input, "float32");
    const y = emptyLike(x);
    launch("cumprod", ...columns(this.#axis), x.address, y.address, this.#axis.length, this.#axis.inner);
    this.save(x);
    return y;
  }

  override backward(dy: NDArray): Gradients {
    if (this.name === "cumsum") return [sums(dy, this.#axis, true)];
    const [x] = this.saved as [NDArray];
    const dx = emptyLike(x);
    const { length, inner } = this.#axis;
    launch("cumprodGrad", ...columns(this.#axis), dy.address, x.address, dx.address, length, inner);
    return [dx];
  }
}

/**
 * The product of all elements, or along a dimension; `dx` is `dy` times the product of the other elements.
 */
export class Product extends Op {
  readonly name = "prod";
  readonly #dim: number | null;
  readonly #options: ReduceOptions | undefined;
  #axis: AxisView = { outer: 0, length: 0, inner: 0 };

  constructor(dim: number | null, options?: ReduceOptions) {
    super();
    this.#dim = dim;
    this.#options = options;
  }

  get attributes(): Attributes {
    return { dim: this.#dim, keepdim: this.#options?.keepdim ?? false };
  }

  forward(input: NDArray): NDArray {
    const x = input.dtype === "bool" ? castTo(input, "int32") : input;
    const dim = this.#dim === null ? null : normalizeDim(this.name, this.#dim, x.shape.length);
    this.#axis = dim === null ? { outer: 1, length: x.size, inner: 1 } : axisView(x.shape, dim);
    const reduced = x.shape.map((_, d) => dim === null || d === dim);
    const y = empty(reducedShape(x.shape, reduced, readKeepdim(this.name, this.#options)), x.dtype);
    const { outer, length, inner } = this.#axis;
    const kernel = x.dtype === "float32" ? "prod" : "prodInt";
    const grain = Math.ceil(GRAIN / Math.max(length, 1));
    launch(kernel, outer * inner, grain, x.address, y.address, length, inner);
    this.save(x);
    return y;
  }

  override backward(dy: NDArray): Gradients {
    const [x] = this.saved as [NDArray];
    const dx = emptyLike(x);
    const { length, inner } = this.#axis;
    launch("prodGrad", ...columns(this.#axis), dy.address, x.address, dx.address, length, inner);
    return [dx];
  }
}

/**
 * The largest or smallest element up to each position of a dimension, and its position. Of equal ones, the
 * last one is chosen and gets the gradient.
 */
export class CumulativeExtremum extends Op {
  readonly name: "cummax" | "cummin";
  readonly #dim: number;
  #axis: AxisView = { outer: 0, length: 0, inner: 0 };

  constructor(name: "cummax" | "cummin", dim: number) {
    super();
    this.name = name;
    this.#dim = dim;
  }

  get attributes(): Attributes {
    return { dim: this.#dim };
  }

  forward(input: NDArray): NDArray[] {
    if (input.dtype !== "float32") {
      throw new DTypeError(`${this.name}: expected float32, got ${input.dtype} of shape ${formatShape(input.shape)}`);
    }
    this.#axis = axisView(input.shape, normalizeDim(this.name, this.#dim, input.shape.length));
    const [values, indices] = [emptyLike(input), empty(input.shape, "int32")];
    const { length, inner } = this.#axis;
    const sign = this.name === "cummax" ? 1 : -1;
    const addresses = [input.address, values.address, indices.address] as const;
    launch("cumExtremum", ...columns(this.#axis), ...addresses, length, inner, sign);
    this.save(indices);
    return [values, indices];
  }

  override backward(dy: NDArray): Gradients {
    const [indices] = this.saved as [NDArray];
    const dx = zeros(dy.shape);
    addAt(dx, this.#axis, indices, dy);
    return [dx];
  }

  /** The elements of an array of the input's shape at the positions `indices`. */
  read(x: NDArray, indices: NDArray): NDArray {
    return gatherAt(x, this.#axis, indices);
  }
}
