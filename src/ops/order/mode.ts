import { formatShape, ShapeError } from "../../errors.ts";
import { launch } from "../../runtime/kernels.ts";
import { empty, type NDArray, replaceAt } from "../core/array.ts";
import { type ReduceOptions, readKeepdim } from "../core/axis.ts";
import type { Attributes } from "../core/op.ts";
import { Choice, sortAlong } from "./sort.ts";

/** The most frequent element along a dimension, of several the smallest one, at its last position. */
export class Mode extends Choice {
  readonly name = "mode";
  readonly #dim: number;
  readonly #options: ReduceOptions | undefined;

  constructor(dim: number, options?: ReduceOptions) {
    super();
    this.#dim = dim;
    this.#options = options;
  }

  get attributes(): Attributes {
    return { dim: this.#dim, keepdim: this.#options?.keepdim ?? false };
  }

  forward(x: NDArray): NDArray[] {
    const d = this.begin(x, this.#dim);
    const { length, inner } = this.axis;
    if (length === 0) throw new ShapeError(`mode: expected at least one element, got ${formatShape(x.shape)}`);
    const kept = readKeepdim(this.name, this.#options);
    const shape = x.shape.length === 0 ? [] : replaceAt(x.shape, d, ...(kept ? [1] : []));
    const [values, indices] = [empty(shape, x.dtype), empty(shape, "int32")];
    const [sorted, positions] = sortAlong(x, this.axis, false);
    const addresses = [sorted.address, positions.address, values.address, indices.address] as const;
    launch("modeOfSorted", values.size, 4096, ...addresses, length, inner, Number(x.dtype !== "float32"));
    this.save(indices);
    return [values, indices];
  }
}
