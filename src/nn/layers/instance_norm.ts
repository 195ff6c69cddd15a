import { checkBoolean, checkInteger, checkNumber, readOptions } from "../../checks.ts";
import { formatShape, OptionError, ShapeError } from "../../errors.ts";
import { expectTensor } from "../../tensor/apply.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import {
  instanceNorm,
  type LocalResponseNormOptions,
  localResponseNorm,
  readLocalResponse,
  rmsNorm,
} from "../functional/instance_norm.ts";
import { ones_ } from "../init.ts";
import { emptyParameter } from "../internal/default_init.ts";
import { formatPair } from "../internal/describe.ts";
import { Module } from "../module.ts";
import type { Parameter } from "../parameter.ts";
import { BatchNorm, type BatchNormOptions } from "./norm.ts";

/**
 * Base of the instance norms. Unlike batch norms, they have no parameters or running statistics by default.
 */
abstract class InstanceNorm extends BatchNorm {
  constructor(op: string, numFeatures: number, options?: BatchNormOptions) {
    super(op, numFeatures, { affine: false, trackRunningStats: false, ...options });
  }

  override forward(x: Tensor): Tensor {
    const { weight, bias, numFeatures, runningMean, runningVar } = this;
    expectTensor(this.constructor.name, "x", x);
    const [rank] = this.ranks;
    const single = x.dim() === rank - 1;
    const batched = single ? x.unsqueeze(0) : x;
    if (batched.dim() !== rank || batched.shape[1] !== numFeatures) {
      const expected = `${rank} dimensions [N,${numFeatures},...]`;
      throw new ShapeError(`${this.constructor.name}: expected ${expected}, got ${formatShape(x.shape)}`);
    }
    const useInputStats = this.training || runningMean === null;
    const { eps } = this.options;
    const momentum = this.options.momentum ?? 0;
    const y = instanceNorm(batched, runningMean, runningVar, { weight, bias, eps, momentum, useInputStats });
    return single ? y.squeeze(0) : y;
  }
}

/** Normalizes each channel of each sample of [N,C,L] or [C,L]. Matches `torch.nn.InstanceNorm1d`. */
export class InstanceNorm1d extends InstanceNorm {
  protected readonly ranks = [3];

  constructor(numFeatures: number, options?: BatchNormOptions) {
    super("InstanceNorm1d", numFeatures, options);
  }
}

/**
 * Normalizes each channel of each image of [N,C,H,W] or [C,H,W]. Matches `torch.nn.InstanceNorm2d`; see
 * `functional.instanceNorm`.
 *
 * @param options `eps` 1e-5, `momentum` 0.1, `affine` false, `trackRunningStats` false
 * @example
 * ```ts
 * import { nn, randn } from "wasmgrad";
 * console.log(new nn.InstanceNorm2d(3, { affine: true }).forward(randn([2, 3, 4, 4])).shape); // [2, 3, 4, 4]
 * ```
 */
export class InstanceNorm2d extends InstanceNorm {
  protected readonly ranks = [4];

  constructor(numFeatures: number, options?: BatchNormOptions) {
    super("InstanceNorm2d", numFeatures, options);
  }
}

/** Normalizes each channel of each volume of [N,C,D,H,W] or [C,D,H,W]. Matches `torch.nn.InstanceNorm3d`. */
export class InstanceNorm3d extends InstanceNorm {
  protected readonly ranks = [5];

  constructor(numFeatures: number, options?: BatchNormOptions) {
    super("InstanceNorm3d", numFeatures, options);
  }
}

/** Batch normalization of [N, C, D, H, W]. Matches `torch.nn.BatchNorm3d`. */
export class BatchNorm3d extends BatchNorm {
  protected readonly ranks = [5];

  constructor(numFeatures: number, options?: BatchNormOptions) {
    super("BatchNorm3d", numFeatures, options);
  }
}

/**
 * Divides by the root mean square over the last dimensions. Matches `torch.nn.RMSNorm`; see
 * `functional.rmsNorm`.
 *
 * @param options `eps` null (2⁻²³), `elementwiseAffine` true
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * console.log(new nn.RMSNorm(2).forward(tensor([[1, 7]])).toArray()); // [[0.2, 1.4]]
 * ```
 */
export class RMSNorm extends Module {
  weight: Parameter | null;
  readonly normalizedShape: readonly number[];
  readonly eps: number | null;

  constructor(
    normalizedShape: number | readonly number[],
    options?: { eps?: number | null; elementwiseAffine?: boolean },
  ) {
    super();
    const op = "RMSNorm";
    const { eps, elementwiseAffine } = readOptions(op, options, {
      eps: null as number | null,
      elementwiseAffine: true,
    });
    const shape = Array.isArray(normalizedShape) ? [...normalizedShape] : [normalizedShape as number];
    this.normalizedShape = shape.map((length) => checkInteger(op, "normalizedShape", length, 1));
    if (shape.length === 0) throw new OptionError(`${op}: normalizedShape expected one or more sizes, got []`);
    this.eps = eps === null ? null : checkNumber(op, "eps", eps, 0);
    this.weight = checkBoolean(op, "elementwiseAffine", elementwiseAffine) ? emptyParameter(shape) : null;
    this.resetParameters();
  }

  /** Sets the weight to 1. */
  resetParameters(): void {
    if (this.weight) ones_(this.weight);
  }

  override forward(x: Tensor): Tensor {
    return rmsNorm(x, this.normalizedShape, { weight: this.weight, eps: this.eps });
  }

  override extraRepr(): string {
    return `${formatPair(this.normalizedShape)}, eps=${this.eps}, elementwiseAffine=${this.weight !== null}`;
  }
}

/**
 * Divides by the squares of channels nearby. Matches `torch.nn.LocalResponseNorm`; see
 * `functional.localResponseNorm`.
 */
export class LocalResponseNorm extends Module {
  readonly size: number;
  readonly options: Readonly<Required<LocalResponseNormOptions>>;

  constructor(size: number, options?: LocalResponseNormOptions) {
    super();
    this.options = readLocalResponse("LocalResponseNorm", size, options);
    this.size = size;
  }

  override forward(x: Tensor): Tensor {
    return localResponseNorm(x, this.size, this.options);
  }

  override extraRepr(): string {
    const { alpha, beta, k } = this.options;
    return `${this.size}, alpha=${alpha}, beta=${beta}, k=${k}`;
  }
}
