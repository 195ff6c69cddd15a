import { launch } from "../../runtime/kernels.ts";
import { type DType, ELEMENTWISE_GRAIN, empty, type NDArray } from "../core/array.ts";
import { type Attributes, Op } from "../core/op.ts";
import { cloneArray } from "../movement/copy.ts";

const CASTS = {
  int32: { float32: "intToFloat", bool: "intToBool" },
  bool: { float32: "intToFloat" },
  float32: { int32: "floatToInt", bool: "floatToBool" },
} as const;

/** Converts `x` to a dtype. Returns `x` itself if it already has the dtype, else a new array. */
export function castTo(x: NDArray, dtype: DType): NDArray {
  if (x.dtype === dtype) return x;
  const kernel = (CASTS[x.dtype] as Partial<Record<DType, "intToFloat">>)[dtype];
  if (!kernel) return cloneArray(x).withShape(x.shape, dtype); // bool to int32: the same bits
  const out = empty(x.shape, dtype);
  launch(kernel, x.size, ELEMENTWISE_GRAIN, x.address, out.address);
  return out;
}

/**
 * Converts `x` to another dtype. float32 to int32 rounds towards 0. There is no gradient, because one of the
 * two dtypes is discrete.
 */
export class Cast extends Op {
  readonly name = "to";
  readonly #dtype: DType;

  constructor(dtype: DType) {
    super();
    this.#dtype = dtype;
  }

  get attributes(): Attributes {
    return { dtype: this.#dtype };
  }

  forward(x: NDArray): NDArray {
    return castTo(x, this.#dtype);
  }
}
