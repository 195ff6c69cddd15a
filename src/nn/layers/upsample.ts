import { composed } from "../../checks.ts";
import { InterpolateOp } from "../../gradients/rules/pool.ts";
import type { InterpolateOptions } from "../../ops/image/interpolate.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { interpolate } from "../functional/interpolate.ts";
import { formatGiven } from "../internal/describe.ts";
import { Module } from "../module.ts";

/**
 * Resizes [N, C, H, W] to a `size` or by a `scaleFactor`, with the options of
 * `functional.interpolate`. Matches `torch.nn.Upsample`.
 *
 * @example
 * ```ts
 * import { nn, zeros } from "wasmgrad";
 * console.log(new nn.Upsample({ scaleFactor: 2 }).forward(zeros([1, 3, 4, 5])).shape); // [1, 3, 8, 10]
 * ```
 */
export class Upsample extends Module {
  readonly options: Readonly<InterpolateOptions>;

  constructor(options: InterpolateOptions) {
    super();
    composed("Upsample", () => new InterpolateOp(options));
    this.options = { ...options };
  }

  override forward(x: Tensor): Tensor {
    return interpolate(x, this.options);
  }

  override extraRepr(): string {
    return formatGiven(this.options);
  }
}
