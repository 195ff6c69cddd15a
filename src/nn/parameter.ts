import { readOptions } from "../checks.ts";
import { DTypeError } from "../errors.ts";
import { keep } from "../tensor/lifetime/scoped.ts";
import { Tensor } from "../tensor/tensor.ts";

/**
 * A tensor that is learned. If a field of a module holds it, it is one of the module's `parameters()`. Scopes
 * do not release the parameters created in them. Matches `torch.nn.Parameter`.
 *
 * @param data the values. The parameter shares their memory, but is detached from their graph.
 * @param options `requiresGrad` (default true)
 * @throws DTypeError when `data` is not a float32 tensor.
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
