import { type Pair, readOptions } from "../../checks.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { checkUnpool, maxUnpool2d, type MaxUnpool2dOptions as Options } from "../functional/unpool.ts";
import { formatGiven } from "../internal/describe.ts";
import { Module } from "../module.ts";

/** The size of the result is given to `forward`. */
export type MaxUnpool2dOptions = Omit<Options, "outputSize">;

/**
 * Puts the values of a pooled image where the maxima were. See `functional.maxUnpool2d`. Matches
 * `torch.nn.MaxUnpool2d`.
 *
 * @example
 * ```ts
 * import { nn, rand } from "wasmgrad";
 * const [y, indices] = nn.functional.maxPool2d(rand([1, 3, 8, 8]), 2, { returnIndices: true });
 * console.log(new nn.MaxUnpool2d(2).forward(y, indices).shape); // [1, 3, 8, 8]
 * ```
 */
export class MaxUnpool2d extends Module {
  readonly kernelSize: Pair;
  readonly options: Readonly<MaxUnpool2dOptions>;

  constructor(kernelSize: Pair, options?: MaxUnpool2dOptions) {
    super();
    const { stride, padding } = readOptions("MaxUnpool2d", options, {
      stride: null as Pair | null,
      padding: 0 as Pair,
    });
    checkUnpool("MaxUnpool2d", kernelSize, stride, padding);
    this.kernelSize = kernelSize;
    this.options = { ...options };
  }

  /** @param options `outputSize`: see `functional.maxUnpool2d` */
  override forward(x: Tensor, indices: Tensor, options?: Pick<Options, "outputSize">): Tensor {
    return maxUnpool2d(x, indices, this.kernelSize, { ...this.options, ...options });
  }

  override extraRepr(): string {
    return formatGiven({ kernelSize: this.kernelSize, ...this.options });
  }
}
