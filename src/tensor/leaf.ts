import { DTypeError } from "../errors.ts";
import type { NDArray } from "../ops/core/array.ts";
import { withFrame } from "../runtime/frame.ts";
import { Tensor } from "./tensor.ts";

/** Creates a leaf tensor from the array that `build` returns. `build` runs inside a frame. */
export function leaf(build: () => NDArray, requiresGrad = false): Tensor {
  return withFrame(() => {
    const array = build();
    if (requiresGrad && array.dtype !== "float32") {
      throw new DTypeError(`requiresGrad: expected float32, got ${array.dtype}`);
    }
    return new Tensor(array, { requiresGrad });
  });
}
