import { readOptions } from "../checks.ts";
import { DTypeError } from "../errors.ts";
import { keep } from "../tensor/lifetime/scoped.ts";
import { Tensor } from "../tensor/tensor.ts";

/**
 * A tensor that a module learns. As a field of a module it is one of its `parameters()`. No scope owns it:
 * made inside one, it outlives it. Matches `torch.nn.Parameter`.
 *
 * @param data the values; the parameter shares their memory and is cut off from their graph.
 * @param options `requiresGrad` (default true)
 * @throws DTypeError for anything but float32.
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * const gain = new nn.Parameter(tensor([1, 1]));
 * console.log(gain.requiresGrad, gain.toArray()); // true [1, 1]
 * ```
 */
export class Parameter extends Tensor {
  constructor(data: Tensor, options?: { requiresGrad?: boolean }) {
    const { requiresGrad } = readOptions("Parameter", options, { requiresGrad: true });
    if (!(data instanceof Tensor)) throw new DTypeError("Parameter: expected a tensor");
    if (data.dtype !== "float32") throw new DTypeError(`Parameter: expected float32, got ${data.dtype}`);
    super(data.array, { requiresGrad });
    keep(this);
  }
}
