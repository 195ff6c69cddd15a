import { noGrad } from "../autograd/grad_mode.ts";
import { checkNumber, describe } from "../checks.ts";
import { OptionError } from "../errors.ts";
import { checkShape } from "../ops/core/array.ts";
import { broadcastShapes } from "../ops/core/broadcast.ts";
import { expectTensor } from "../tensor/apply.ts";
import { tensor } from "../tensor/creation.ts";
import type { GeneratorOption } from "../tensor/distributions.ts";
import { randn } from "../tensor/random.ts";
import { Tensor } from "../tensor/tensor.ts";

/** ln(2π) / 2 */
const HALF_LOG_TAU = 0.9189385332046728;

/**
 * Normal distributions with the means `loc` and the standard deviations `scale`, which broadcast. Matches
 * `torch.distributions.Normal`; gradients flow to both.
 *
 * @throws OptionError for a `scale` that is not positive, ShapeError for shapes that do not broadcast
 * @example
 * ```ts
 * import { distributions, tensor } from "wasmgrad";
 * const normal = new distributions.Normal(tensor([0, 2]), 1);
 * console.log(normal.sample([5]).shape, normal.logProb(tensor([0, 2])).toArray()); // [5, 2] [-0.9189…, -0.9189…]
 * ```
 */
export class Normal {
  /** Means. */
  readonly loc: Tensor;
  /** Standard deviations. */
  readonly scale: Tensor;

  constructor(loc: Tensor | number, scale: Tensor | number) {
    const [mean, deviation] = (["loc", "scale"] as const).map((name, i) => {
      const value = [loc, scale][i];
      if (value instanceof Tensor) return value;
      if (typeof value !== "number") {
        throw new OptionError(`Normal: ${name} expected a tensor or a number, got ${describe(value)}`);
      }
      return tensor(checkNumber("Normal", name, value));
    });
    if (!noGrad(() => deviation.gt(0).all().item())) throw new OptionError("Normal: scale expected positive numbers");
    const shape = broadcastShapes("Normal", mean.shape, deviation.shape);
    this.loc = mean.expand(shape);
    this.scale = deviation.expand(shape);
  }

  get batchShape(): number[] {
    return [...this.loc.shape];
  }

  /** Random numbers of the shape `sampleShape` and then `batchShape`. They have no gradient. */
  sample(sampleShape: readonly number[] = [], options?: GeneratorOption): Tensor {
    return noGrad(() => this.rsample(sampleShape, options));
  }

  /** As `sample`, but `loc + scale · noise`: gradients flow to `loc` and `scale`. */
  rsample(sampleShape: readonly number[] = [], options?: GeneratorOption): Tensor {
    checkShape("Normal.sample", sampleShape);
    const noise = randn([...sampleShape, ...this.loc.shape], options);
    return noise.mul(this.scale).add(this.loc);
  }

  /** The logarithm of the density: `-(value - loc)² / (2 scale²) - ln scale - ln(2π) / 2`. */
  logProb(value: Tensor): Tensor {
    expectTensor("Normal.logProb", "value", value);
    const variance = this.scale.square();
    return value.sub(this.loc).square().div(variance.mul(-2)).sub(this.scale.log()).sub(HALF_LOG_TAU);
  }

  /** `1/2 + ln(2π) / 2 + ln scale` */
  entropy(): Tensor {
    return this.scale.log().add(0.5 + HALF_LOG_TAU);
  }
}
