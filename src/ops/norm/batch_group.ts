import { formatShape, OptionError, ShapeError } from "../../errors.ts";
import { NULL } from "../../runtime/address.ts";
import { LANES } from "../../runtime/kernels.generated.ts";
import { empty, emptyLike, expectFloat, expectSameShape, type NDArray, sizeOf } from "../core/array.ts";
import { type Attributes, type Gradients, Op } from "../core/op.ts";
import { doubles, type Moments, moments } from "../reduce/moments.ts";
import { launch } from "./kernels.ts";

const GRAIN = 16384;

/** `1 / sqrt(squares / count + eps)` of each group, in float64. */
function inverseDeviation({ mean, squares, count }: Moments, eps: number): NDArray {
  const inverse = doubles(mean.shape[0]);
  launch("inverseDeviation", mean.shape[0], GRAIN, squares.address, inverse.address, count, eps);
  return inverse;
}

/**
 * Base class of batch and group normalization. `x` is treated as [N,C,L]: a row is one channel of one image.
 * The coefficients are per row: forward computes one multiply-add per element, backward two.
 */
abstract class GroupedNorm extends Op {
  /** Number of groups of channels, or 0 if a group is one channel of all images. */
  protected abstract readonly groups: number;
  /** Whether mean and variance are computed from x, so that the gradient flows through them. */
  protected abstract readonly fromInput: boolean;
  #channels = 0;
  #length = 0;
  #count = 0;

  protected checkInputs(x: NDArray, weight: NDArray | null, bias: NDArray | null): void {
    expectFloat(this.name, x, weight, bias);
    if (x.shape.length < 2) {
      throw new ShapeError(`${this.name}: input expected [N,C,...], got ${formatShape(x.shape)}`);
    }
    this.#channels = x.shape[1];
    this.#length = sizeOf(x.shape.slice(2));
    if (weight) expectSameShape(this.name, "weight, one for each channel,", [this.#channels], weight.shape);
    if (bias) expectSameShape(this.name, "bias, one for each channel,", [this.#channels], bias.shape);
  }

  protected normalize(x: NDArray, weight: NDArray | null, bias: NDArray | null, own: Moments, eps: number): NDArray {
    const inverse = inverseDeviation(own, eps);
    this.#count = own.count;
    const rows = x.shape[0] * this.#channels;
    const [center, scale, shift] = [empty([rows]), empty([rows]), empty([rows])];
    launch(
      "normCoefficients",
      rows,
      GRAIN,
      own.mean.address,
      inverse.address,
      weight?.address ?? NULL,
      bias?.address ?? NULL,
      center.address,
      scale.address,
      shift.address,
      this.#channels,
      this.groups,
    );
    const y = emptyLike(x);
    if (y.size > 0) {
      launch(
        "normApply",
        rows,
        this.#grain,
        x.address,
        center.address,
        scale.address,
        shift.address,
        y.address,
        this.#length,
      );
    }
    this.save(x, weight, own.mean, inverse, center);
    return y;
  }

  /**
   * Number of rows that a thread takes at a time. It is a multiple of LANES, because rows of one element are
   * processed LANES at a time.
   */
  get #grain(): number {
    return LANES * Math.ceil(GRAIN / LANES / Math.max(1, this.#length));
  }

  override backward(dy: NDArray): Gradients {
    const [x, weight, mean, inverse, center] = this.saved as [NDArray, NDArray | null, NDArray, NDArray, NDArray];
    const [channels, length, groups] = [this.#channels, this.#length, this.groups];
    const rows = x.shape[0] * channels;
    const [sums, dots] = [doubles(rows), doubles(rows)];
    launch(
      "normGradSums",
      rows,
      this.#grain,
      x.address,
      dy.address,
      center.address,
      sums.address,
      dots.address,
      length,
    );

    const dWeight = this.needs[1] ? empty([channels]) : null;
    const dBias = this.needs[2] ? empty([channels]) : null;
    const statistics = [mean.address, inverse.address, sums.address, dots.address] as const;
    if (dWeight || dBias) {
      const targets = [dWeight?.address ?? NULL, dBias?.address ?? NULL] as const;
      launch("normGradAffine", channels, GRAIN, ...statistics, ...targets, rows, channels, groups);
    }
    if (!this.needs[0]) return [null, dWeight, dBias];

    const slices = mean.shape[0];
    const [groupSums, groupDots] = [doubles(slices), doubles(slices)];
    if (this.fromInput) {
      const targets = [weight?.address ?? NULL, groupSums.address, groupDots.address] as const;
      launch("normGroupSums", slices, GRAIN, ...statistics, ...targets, rows, channels, groups);
    } else {
      launch("fillFloat", 2 * slices, GRAIN, groupSums.address, 0);
      launch("fillFloat", 2 * slices, GRAIN, groupDots.address, 0);
    }
    const [a, unit, b, c] = [empty([rows]), empty([rows]), empty([rows]), empty([rows])];
    launch(
      "normGradCoefficients",
      rows,
      GRAIN,
      mean.address,
      inverse.address,
      weight?.address ?? NULL,
      groupSums.address,
      groupDots.address,
      a.address,
      unit.address,
      b.address,
      c.address,
      channels,
      groups,
      this.#count,
    );
    const dx = emptyLike(x);
    if (dx.size > 0) {
      const coefficients = [center.address, a.address, unit.address, b.address, c.address] as const;
      launch("normGradApply", rows, this.#grain, x.address, dy.address, ...coefficients, dx.address, length);
    }
    return [dx, dWeight, dBias];
  }
}

export interface BatchNormOptions {
  training: boolean;
  momentum: number;
  eps: number;
}

/**
 * `y = (x - mean) / √(var + eps) * weight + bias` for each channel of x [N,C,...]. Training uses the mean and
 * (biased) variance of the batch and moves the running statistics towards them (with the unbiased variance).
 * Otherwise the running statistics are used.
 */
export class BatchNorm extends GroupedNorm {
  readonly name = "batchNorm";
  protected readonly groups = 0;
  protected readonly fromInput: boolean;
  readonly #options: BatchNormOptions;

  constructor(options: BatchNormOptions) {
    super();
    this.#options = options;
    this.fromInput = options.training;
  }

  get attributes(): Attributes {
    return { ...this.#options };
  }

  override get required(): number {
    return 1;
  }

  forward(
    x: NDArray,
    weight: NDArray | null,
    bias: NDArray | null,
    runningMean: NDArray | null,
    runningVar: NDArray | null,
  ): NDArray {
    this.checkInputs(x, weight, bias);
    expectFloat(this.name, runningMean, runningVar);
    const channels = x.shape[1];
    if (runningMean) expectSameShape(this.name, "runningMean", [channels], runningMean.shape);
    if (runningVar) expectSameShape(this.name, "runningVar", [channels], runningVar.shape);
    const { training, eps } = this.#options;
    if (!training) {
      if (!runningMean || !runningVar) {
        throw new OptionError(`${this.name}: runningMean and runningVar are required unless training is true`);
      }
      return this.normalize(x, weight, bias, this.#running(runningMean, runningVar), eps);
    }
    const values = x.size / channels;
    if (values === 1) {
      throw new ShapeError(
        `${this.name}: expected more than 1 value per channel when training, got ${formatShape(x.shape)}`,
      );
    }
    const view = x.withShape([x.shape[0], channels, sizeOf(x.shape.slice(2))]);
    const own = moments(view, [true, false, true]);
    if (x.size > 0) {
      if (runningMean) this.#update(runningMean, own.mean, 1);
      if (runningVar) this.#update(runningVar, own.squares, values - 1);
    }
    return this.normalize(x, weight, bias, own, eps);
  }

  #running(mean: NDArray, variance: NDArray): Moments {
    const own = { mean: doubles(mean.size), squares: doubles(mean.size), count: 1 };
    launch("widen", mean.size, GRAIN, mean.address, own.mean.address);
    launch("widen", mean.size, GRAIN, variance.address, own.squares.address);
    return own;
  }

  #update(running: NDArray, batch: NDArray, divisor: number): void {
    running.block.version++;
    launch("updateRunning", running.size, GRAIN, running.address, batch.address, this.#options.momentum, divisor);
  }
}

/**
 * `y = (x - mean) / √(var + eps) * weight + bias`, with the mean and variance of each group of channels of
 * each image of x [N,C,...].
 */
export class GroupNorm extends GroupedNorm {
  readonly name = "groupNorm";
  protected readonly groups: number;
  protected readonly fromInput = true;
  readonly #eps: number;

  constructor(groups: number, eps: number) {
    super();
    this.groups = groups;
    this.#eps = eps;
  }

  get attributes(): Attributes {
    return { numGroups: this.groups, eps: this.#eps };
  }

  override get required(): number {
    return 1;
  }

  forward(x: NDArray, weight: NDArray | null, bias: NDArray | null): NDArray {
    this.checkInputs(x, weight, bias);
    const { groups } = this;
    if (x.shape[1] % groups !== 0) {
      throw new ShapeError(
        `${this.name}: channels expected to be divisible by numGroups ${groups}, got ${x.shape[1]} (input ${formatShape(x.shape)})`,
      );
    }
    const slices = x.shape[0] * groups;
    const view = x.withShape([slices, (x.shape[1] / groups) * sizeOf(x.shape.slice(2))]);
    return this.normalize(x, weight, bias, moments(view, [false, true]), this.#eps);
  }
}
