import { makePad, type PadOptions } from "../../ops/movement/pad.ts";
import { apply } from "../../tensor/apply.ts";
import type { Tensor } from "../../tensor/tensor.ts";

export type { PadOptions };

/**
 * Adds elements before and after dimensions; negative amounts remove elements. Matches
 * `torch.nn.functional.pad`, for any dimensions.
 *
 * With negative amounts, "circular" removes elements first and wraps the remaining ones; "reflect" and
 * "replicate" copy the elements next to the ends of x, even if these are removed.
 *
 * @param padding `[before, after]` of the last dimension, then of the one before it, and so on:
 *   `[left, right, top, bottom]`.
 * @param options `mode` ("constant", "reflect", "replicate" or "circular"; default "constant") and, for
 *   constant, `value` (default 0).
 * @throws ShapeError when more elements are removed, reflected or wrapped than x has; OptionError for bad
 *   `padding`.
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * console.log(nn.functional.pad(tensor([[1, 2, 3]]), [2, 1], { mode: "reflect" }).toArray()); // [[3, 2, 1, 2, 3, 2]]
 * ```
 */
export function pad(x: Tensor, padding: readonly number[], options?: PadOptions): Tensor {
  return apply(makePad(padding, options), x);
}
