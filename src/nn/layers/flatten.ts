import { checkInteger, describe } from "../../checks.ts";
import { OptionError } from "../../errors.ts";
import { expectTensor } from "../../tensor/apply.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { formatPair } from "../internal/describe.ts";
import { Module } from "../module.ts";

/**
 * Joins dimensions `startDim` to `endDim` (default: all but the batch) into one. Matches `torch.nn.Flatten`.
 *
 * @example
 * ```ts
 * import { nn, zeros } from "wasmgrad";
 * console.log(new nn.Flatten().forward(zeros([2, 3, 4, 5])).shape); // [2, 60]
 * ```
 */
export class Flatten extends Module {
  readonly startDim: number;
  readonly endDim: number;

  constructor(startDim = 1, endDim = -1) {
    super();
    this.startDim = checkInteger("Flatten", "startDim", startDim, -(2 ** 31));
    this.endDim = checkInteger("Flatten", "endDim", endDim, -(2 ** 31));
  }

  override forward(x: Tensor): Tensor {
    expectTensor("Flatten", "x", x);
    return x.flatten(this.startDim, this.endDim);
  }

  override extraRepr(): string {
    return `startDim=${this.startDim}, endDim=${this.endDim}`;
  }
}

/** Splits dimension `dim` into several of the given sizes. Matches `torch.nn.Unflatten`. */
export class Unflatten extends Module {
  readonly dim: number;
  readonly sizes: readonly number[];

  constructor(dim: number, sizes: readonly number[]) {
    super();
    this.dim = checkInteger("Unflatten", "dim", dim, -(2 ** 31));
    if (!Array.isArray(sizes)) {
      throw new OptionError(`Unflatten: sizes expected an array of integers, got ${describe(sizes)}`);
    }
    this.sizes = sizes.map((size) => checkInteger("Unflatten", "sizes", size, -1));
  }

  override forward(x: Tensor): Tensor {
    expectTensor("Unflatten", "x", x);
    return x.unflatten(this.dim, this.sizes);
  }

  override extraRepr(): string {
    return `dim=${this.dim}, sizes=${formatPair(this.sizes)}`;
  }
}
