import { recomputing } from "../../autograd/graph.ts";
import { checkBoolean, checkInteger, checkNumber, readOptions } from "../../checks.ts";
import { formatShape, OptionError, ShapeError } from "../../errors.ts";
import { expectTensor } from "../../tensor/apply.ts";
import { full, zeros } from "../../tensor/fill.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { batchNorm, groupNorm, layerNorm } from "../functional/norm.ts";
import { ones as fillOnes, zeros as fillZeros } from "../init.ts";
import { emptyParameter } from "../internal/default_init.ts";
import { formatOptions, formatPair } from "../internal/describe.ts";
import { Module } from "../module.ts";
import type { Parameter } from "../parameter.ts";

export interface BatchNormOptions {
  /** Added to the variance. Default 1e-5. */
  eps?: number;
  /**
   * Weight of a new batch in the running statistics, in [0, 1]. With null, the running statistics are plain
   * means over all batches. Default 0.1.
   */
  momentum?: number | null;
  /** Whether each channel has a weight and a bias. Default true. */
  affine?: boolean;
  /**
   * Whether running statistics are kept. Without them, the batch's statistics are used even after `eval()`.
   * Default true.
   */
  trackRunningStats?: boolean;
}

/** Base of the batch norms and the instance norms. */
export abstract class BatchNorm extends Module {
  static override readonly stateNames = {
    runningMean: "running_mean",
    runningVar: "running_var",
    numBatchesTracked: "num_batches_tracked",
  };
  weight: Parameter | null;
  bias: Parameter | null;
  runningMean: Tensor | null;
  runningVar: Tensor | null;
  /** int32 */
  numBatchesTracked: Tensor | null;
  readonly numFeatures: number;
  readonly options: Readonly<Required<BatchNormOptions>>;
  protected abstract readonly ranks: readonly number[];

  constructor(op: string, numFeatures: number, options?: BatchNormOptions) {
    super();
    this.numFeatures = checkInteger(op, "numFeatures", numFeatures, 1);
    this.options = {
      ...readOptions<Required<BatchNormOptions>>(op, options, {
        eps: 1e-5,
        momentum: 0.1,
        affine: true,
        trackRunningStats: true,
      }),
    };
    const { eps, momentum, affine, trackRunningStats } = this.options;
    checkNumber(op, "eps", eps, 0);
    if (momentum !== null) checkNumber(op, "momentum", momentum, 0, 1);
    this.weight = checkBoolean(op, "affine", affine) ? emptyParameter([numFeatures]) : null;
    this.bias = affine ? emptyParameter([numFeatures]) : null;
    const track = checkBoolean(op, "trackRunningStats", trackRunningStats);
    this.runningMean = this.registerBuffer("runningMean", track ? zeros([numFeatures]) : null);
    this.runningVar = this.registerBuffer("runningVar", track ? zeros([numFeatures]) : null);
    this.numBatchesTracked = this.registerBuffer("numBatchesTracked", track ? zeros([], { dtype: "int32" }) : null);
    this.resetParameters();
  }

  /** Sets weight and variance to 1; bias, mean and count to 0. */
  resetParameters(): void {
    if (this.weight) fillOnes(this.weight);
    if (this.bias) fillZeros(this.bias);
    if (this.runningMean) fillZeros(this.runningMean);
    if (this.runningVar) fillOnes(this.runningVar);
    this.#setBatchesTracked(0);
  }

  #setBatchesTracked(count: number): void {
    if (!this.numBatchesTracked) return;
    using value = full([], count, { dtype: "int32" });
    this.numBatchesTracked.copy_(value);
  }

  override forward(x: Tensor): Tensor {
    const { weight, bias, numFeatures, runningMean, runningVar } = this;
    const { eps, momentum } = this.options;
    expectTensor(this.constructor.name, "x", x);
    if (!this.ranks.includes(x.dim()) || x.shape[1] !== numFeatures) {
      const ranks = this.ranks.join(" or ");
      throw new ShapeError(
        `${this.constructor.name}: expected ${ranks} dimensions [N,${numFeatures},...], got ${formatShape(x.shape)}`,
      );
    }
    const training = this.training || runningMean === null;
    let rate = momentum ?? 0;
    if (this.training && this.numBatchesTracked && !recomputing) {
      const count = this.numBatchesTracked.item() + 1;
      this.#setBatchesTracked(count);
      rate = momentum ?? 1 / count;
    }
    // a checkpoint() runs forward twice, but counts the batch once
    const [mean, variance] = training && recomputing ? [null, null] : [runningMean, runningVar];
    return batchNorm(x, mean, variance, { weight, bias, training, momentum: rate, eps });
  }

  override extraRepr(): string {
    const { eps, momentum, affine, trackRunningStats } = this.options;
    return `${this.numFeatures}, eps=${eps}, momentum=${momentum}, affine=${affine}, trackRunningStats=${trackRunningStats}`;
  }
}

/**
 * Normalizes each channel of [N, C, H, W]: in training with the statistics of the batch, after `eval()` with
 * running statistics. Matches `torch.nn.BatchNorm2d`; see `functional.batchNorm`.
 *
 * @example
 * ```ts
 * import { nn, randn } from "wasmgrad";
 * const norm = new nn.BatchNorm2d(3);
 * const y = norm.forward(randn([8, 3, 4, 4]).mul(5));
 * console.log(y.square().mean().item(), norm.runningVar?.toArray());
 * ```
 */
export class BatchNorm2d extends BatchNorm {
  protected readonly ranks = [4];

  constructor(numFeatures: number, options?: BatchNormOptions) {
    super("BatchNorm2d", numFeatures, options);
  }
}

/** Batch normalization of [N, C] or [N, C, L]. Matches `torch.nn.BatchNorm1d`. */
export class BatchNorm1d extends BatchNorm {
  protected readonly ranks = [2, 3];

  constructor(numFeatures: number, options?: BatchNormOptions) {
    super("BatchNorm1d", numFeatures, options);
  }
}

export interface LayerNormOptions {
  /** Added to the variance. Default 1e-5. */
  eps?: number;
  /** Whether each element of `normalizedShape` has a weight and a bias. Default true. */
  elementwiseAffine?: boolean;
  /** Whether there is a bias in addition to the weight. Default true. */
  bias?: boolean;
}

/**
 * Normalizes over the last dimensions, which have the sizes `normalizedShape`. Matches `torch.nn.LayerNorm`;
 * see `functional.layerNorm`.
 *
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * console.log(new nn.LayerNorm(2).forward(tensor([[1, 3], [5, 9]])).toArray()); // about [[-1, 1], [-1, 1]]
 * ```
 */
export class LayerNorm extends Module {
  weight: Parameter | null;
  bias: Parameter | null;
  readonly normalizedShape: readonly number[];
  readonly eps: number;

  constructor(normalizedShape: number | readonly number[], options?: LayerNormOptions) {
    super();
    const op = "LayerNorm";
    const { eps, elementwiseAffine, bias } = readOptions(op, options, {
      eps: 1e-5,
      elementwiseAffine: true,
      bias: true,
    });
    const shape = Array.isArray(normalizedShape) ? [...normalizedShape] : [normalizedShape as number];
    this.normalizedShape = shape.map((length) => checkInteger(op, "normalizedShape", length, 1));
    if (shape.length === 0) throw new OptionError(`${op}: normalizedShape expected one or more sizes, got []`);
    this.eps = checkNumber(op, "eps", eps, 0);
    this.weight = checkBoolean(op, "elementwiseAffine", elementwiseAffine) ? emptyParameter(shape) : null;
    this.bias = checkBoolean(op, "bias", bias) && elementwiseAffine ? emptyParameter(shape) : null;
    this.resetParameters();
  }

  /** Sets the weight to 1 and the bias to 0. */
  resetParameters(): void {
    if (this.weight) fillOnes(this.weight);
    if (this.bias) fillZeros(this.bias);
  }

  override forward(x: Tensor): Tensor {
    const { weight, bias, eps } = this;
    return layerNorm(x, this.normalizedShape, { weight, bias, eps });
  }

  override extraRepr(): string {
    const affine = this.weight !== null;
    return formatOptions(
      formatPair(this.normalizedShape),
      `eps=${this.eps}, elementwiseAffine=${affine}`,
      affine && !this.bias && "bias=false",
    );
  }
}

/**
 * Normalizes groups of channels of [N, C, ...]. Matches `torch.nn.GroupNorm`; see `functional.groupNorm`.
 *
 * @throws OptionError when `numChannels` is not a multiple of `numGroups`.
 * @example
 * ```ts
 * import { nn, randn } from "wasmgrad";
 * console.log(new nn.GroupNorm(2, 4).forward(randn([3, 4, 5, 5])).shape); // [3, 4, 5, 5]
 * ```
 */
export class GroupNorm extends Module {
  weight: Parameter | null;
  bias: Parameter | null;
  readonly numGroups: number;
  readonly numChannels: number;
  readonly eps: number;

  constructor(numGroups: number, numChannels: number, options?: { eps?: number; affine?: boolean }) {
    super();
    const op = "GroupNorm";
    const { eps, affine } = readOptions(op, options, { eps: 1e-5, affine: true });
    this.numGroups = checkInteger(op, "numGroups", numGroups, 1);
    this.numChannels = checkInteger(op, "numChannels", numChannels, 1);
    if (numChannels % numGroups !== 0) {
      throw new OptionError(`${op}: numChannels expected a multiple of numGroups ${numGroups}, got ${numChannels}`);
    }
    this.eps = checkNumber(op, "eps", eps, 0);
    this.weight = checkBoolean(op, "affine", affine) ? emptyParameter([numChannels]) : null;
    this.bias = affine ? emptyParameter([numChannels]) : null;
    this.resetParameters();
  }

  /** Sets the weight to 1 and the bias to 0. */
  resetParameters(): void {
    if (this.weight) fillOnes(this.weight);
    if (this.bias) fillZeros(this.bias);
  }

  override forward(x: Tensor): Tensor {
    const { weight, bias, eps } = this;
    expectTensor("GroupNorm", "x", x);
    if (x.shape[1] !== this.numChannels) {
      throw new ShapeError(`GroupNorm: expected [N,${this.numChannels},...], got ${formatShape(x.shape)}`);
    }
    return groupNorm(x, this.numGroups, { weight, bias, eps });
  }

  override extraRepr(): string {
    return `${this.numGroups}, ${this.numChannels}, eps=${this.eps}, affine=${this.weight !== null}`;
  }
}
