import { checkBoolean, checkInteger, checkNumber, checkPair, type Pair, readOptions } from "../../checks.ts";
import type { AdaptiveSize } from "../../ops/pool/avg_pool2d.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Triple } from "../functional/conv3d.ts";
import {
  type AvgPool1dOptions,
  adaptiveAvgPool1d,
  adaptiveMaxPool1d,
  adaptiveMaxPool2d,
  avgPool1d,
  avgPool3d,
  lpPool2d,
  type MaxPool1dOptions,
  maxPool1d,
  maxPool3d,
  type Pool3dOptions,
  readAdaptive,
  readPool3d,
} from "../functional/pooling_nd.ts";
import { formatGiven } from "../internal/describe.ts";
import { Module } from "../module.ts";

/** The largest value of each window of [N,C,L]. Matches `torch.nn.MaxPool1d`; see `functional.maxPool1d`. */
export class MaxPool1d extends Module {
  readonly kernelSize: number;
  readonly options: Readonly<Required<MaxPool1dOptions>>;

  constructor(kernelSize: number, options?: MaxPool1dOptions) {
    super();
    this.kernelSize = checkInteger("MaxPool1d", "kernelSize", kernelSize, 1);
    const defaults = { stride: null, padding: 0, dilation: 1, ceilMode: false };
    this.options = { ...readOptions<Required<MaxPool1dOptions>>("MaxPool1d", options, defaults) };
    checkInteger("MaxPool1d", "stride", this.options.stride ?? 1, 1);
    checkInteger("MaxPool1d", "padding", this.options.padding, 0);
    checkInteger("MaxPool1d", "dilation", this.options.dilation, 1);
    checkBoolean("MaxPool1d", "ceilMode", this.options.ceilMode);
  }

  override forward(x: Tensor): Tensor {
    return maxPool1d(x, this.kernelSize, this.options);
  }

  override extraRepr(): string {
    return formatGiven({ kernelSize: this.kernelSize, ...this.options });
  }
}

/** The mean of each window of [N,C,L]. Matches `torch.nn.AvgPool1d`; see `functional.avgPool1d`. */
export class AvgPool1d extends Module {
  readonly kernelSize: number;
  readonly options: Readonly<Required<AvgPool1dOptions>>;

  constructor(kernelSize: number, options?: AvgPool1dOptions) {
    super();
    this.kernelSize = checkInteger("AvgPool1d", "kernelSize", kernelSize, 1);
    const defaults = { stride: null, padding: 0, ceilMode: false, countIncludePad: true };
    this.options = { ...readOptions<Required<AvgPool1dOptions>>("AvgPool1d", options, defaults) };
    checkInteger("AvgPool1d", "stride", this.options.stride ?? 1, 1);
    checkInteger("AvgPool1d", "padding", this.options.padding, 0);
    for (const name of ["ceilMode", "countIncludePad"] as const) checkBoolean("AvgPool1d", name, this.options[name]);
  }

  override forward(x: Tensor): Tensor {
    return avgPool1d(x, this.kernelSize, this.options);
  }

  override extraRepr(): string {
    return formatGiven({ kernelSize: this.kernelSize, ...this.options });
  }
}

/**
 * The largest value of each window of [N,C,D,H,W]. Matches `torch.nn.MaxPool3d`; see `functional.maxPool3d`.
 */
export class MaxPool3d extends Module {
  readonly kernelSize: Triple;
  readonly options: Readonly<Pool3dOptions>;

  constructor(kernelSize: Triple, options?: Pool3dOptions) {
    super();
    readPool3d("MaxPool3d", kernelSize, options);
    this.kernelSize = kernelSize;
    this.options = { ...options };
  }

  override forward(x: Tensor): Tensor {
    return maxPool3d(x, this.kernelSize, this.options);
  }

  override extraRepr(): string {
    return formatGiven({ kernelSize: this.kernelSize, ...this.options });
  }
}

/** The mean of each window of [N,C,D,H,W]. Matches `torch.nn.AvgPool3d`; see `functional.avgPool3d`. */
export class AvgPool3d extends Module {
  readonly kernelSize: Triple;
  readonly options: Readonly<Pool3dOptions>;

  constructor(kernelSize: Triple, options?: Pool3dOptions) {
    super();
    readPool3d("AvgPool3d", kernelSize, options);
    this.kernelSize = kernelSize;
    this.options = { ...options };
  }

  override forward(x: Tensor): Tensor {
    return avgPool3d(x, this.kernelSize, this.options);
  }

  override extraRepr(): string {
    return formatGiven({ kernelSize: this.kernelSize, ...this.options });
  }
}

/** Averages [N,C,L] to a given length. Matches `torch.nn.AdaptiveAvgPool1d`. */
export class AdaptiveAvgPool1d extends Module {
  readonly outputSize: number;

  constructor(outputSize: number) {
    super();
    this.outputSize = checkInteger("AdaptiveAvgPool1d", "outputSize", outputSize, 1);
  }

  override forward(x: Tensor): Tensor {
    return adaptiveAvgPool1d(x, this.outputSize);
  }

  override extraRepr(): string {
    return formatGiven({ outputSize: this.outputSize });
  }
}

/** The largest values of [N,C,L] in a given number of windows. Matches `torch.nn.AdaptiveMaxPool1d`. */
export class AdaptiveMaxPool1d extends Module {
  readonly outputSize: number;

  constructor(outputSize: number) {
    super();
    this.outputSize = checkInteger("AdaptiveMaxPool1d", "outputSize", outputSize, 1);
  }

  override forward(x: Tensor): Tensor {
    return adaptiveMaxPool1d(x, this.outputSize);
  }

  override extraRepr(): string {
    return formatGiven({ outputSize: this.outputSize });
  }
}

/**
 * The largest values of [N,C,H,W] in a given number of windows. Matches `torch.nn.AdaptiveMaxPool2d`; see
 * `functional.adaptiveMaxPool2d`.
 */
export class AdaptiveMaxPool2d extends Module {
  readonly outputSize: AdaptiveSize;

  constructor(outputSize: AdaptiveSize) {
    super();
    readAdaptive("AdaptiveMaxPool2d", outputSize, [1, 1]);
    this.outputSize = outputSize;
  }

  override forward(x: Tensor): Tensor {
    return adaptiveMaxPool2d(x, this.outputSize);
  }

  override extraRepr(): string {
    return formatGiven({ outputSize: this.outputSize });
  }
}

/** `(Σ x^p)^(1/p)` over each window of [N,C,H,W]. Matches `torch.nn.LPPool2d`; see `functional.lpPool2d`. */
export class LPPool2d extends Module {
  readonly normType: number;
  readonly kernelSize: Pair;
  readonly options: Readonly<{ stride?: Pair | null; ceilMode?: boolean }>;

  constructor(normType: number, kernelSize: Pair, options?: { stride?: Pair | null; ceilMode?: boolean }) {
    super();
    this.normType = checkNumber("LPPool2d", "normType", normType, Number.MIN_VALUE);
    checkPair("LPPool2d", "kernelSize", kernelSize, 1);
    const read = readOptions("LPPool2d", options, { stride: null as Pair | null, ceilMode: false });
    checkPair("LPPool2d", "stride", read.stride ?? 1, 1);
    checkBoolean("LPPool2d", "ceilMode", read.ceilMode);
    this.kernelSize = kernelSize;
    this.options = read;
  }

  override forward(x: Tensor): Tensor {
    return lpPool2d(x, this.normType, this.kernelSize, this.options);
  }

  override extraRepr(): string {
    return formatGiven({ normType: this.normType, kernelSize: this.kernelSize, ...this.options });
  }
}
