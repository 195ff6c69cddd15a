import { composed, type Pair, readOptions } from "../../checks.ts";
import { AdaptiveAvgPool2dOp, AvgPool2dOp, MaxPool2dOp } from "../../gradients/rules/pool.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import {
  type AdaptiveSize,
  type AvgPool2dOptions,
  adaptiveAvgPool2d,
  avgPool2d,
  type MaxPool2dOptions as MaxPool2dFunctionOptions,
  maxPool2d,
} from "../functional/pooling.ts";
import { formatGiven } from "../internal/describe.ts";
import { Module } from "../module.ts";

/** Only the function has `returnIndices`, because a module returns one tensor. */
export type MaxPool2dOptions = Omit<MaxPool2dFunctionOptions, "returnIndices">;

const MAX_POOL_DEFAULTS: Required<MaxPool2dOptions> = { stride: null, padding: 0, dilation: 1, ceilMode: false };

// these constructors create an op only to check the options, so that errors occur here rather than in
// forward()

/**
 * The maximum of each window. See `functional.maxPool2d`. Matches `torch.nn.MaxPool2d`.
 *
 * @example
 * ```ts
 * import { nn, zeros } from "wasmgrad";
 * console.log(new nn.MaxPool2d(2, { stride: 2 }).forward(zeros([1, 3, 8, 8])).shape); // [1, 3, 4, 4]
 * ```
 */
export class MaxPool2d extends Module {
  readonly kernelSize: Pair;
  readonly options: Readonly<MaxPool2dOptions>;

  constructor(kernelSize: Pair, options?: MaxPool2dOptions) {
    super();
    const given = readOptions("MaxPool2d", options, MAX_POOL_DEFAULTS);
    composed("MaxPool2d", () => new MaxPool2dOp(kernelSize, given));
    this.kernelSize = kernelSize;
    this.options = { ...options };
  }

  override forward(x: Tensor): Tensor {
    return maxPool2d(x, this.kernelSize, { ...this.options, returnIndices: false });
  }

  override extraRepr(): string {
    return formatGiven({ kernelSize: this.kernelSize, ...this.options });
  }
}

/** The mean of each window. See `functional.avgPool2d`. Matches `torch.nn.AvgPool2d`. */
export class AvgPool2d extends Module {
  readonly kernelSize: Pair;
  readonly options: Readonly<AvgPool2dOptions>;

  constructor(kernelSize: Pair, options?: AvgPool2dOptions) {
    super();
    composed("AvgPool2d", () => new AvgPool2dOp(kernelSize, options));
    this.kernelSize = kernelSize;
    this.options = { ...options };
  }

  override forward(x: Tensor): Tensor {
    return avgPool2d(x, this.kernelSize, this.options);
  }

  override extraRepr(): string {
    return formatGiven({ kernelSize: this.kernelSize, ...this.options });
  }
}

/**
 * The mean of each window. Windows are chosen such that the result has a given size. Matches
 * `torch.nn.AdaptiveAvgPool2d`.
 */
export class AdaptiveAvgPool2d extends Module {
  readonly outputSize: AdaptiveSize;

  constructor(outputSize: AdaptiveSize) {
    super();
    composed("AdaptiveAvgPool2d", () => new AdaptiveAvgPool2dOp(outputSize));
    this.outputSize = outputSize;
  }

  override forward(x: Tensor): Tensor {
    return adaptiveAvgPool2d(x, this.outputSize);
  }

  override extraRepr(): string {
    return formatGiven({ outputSize: this.outputSize });
  }
}
