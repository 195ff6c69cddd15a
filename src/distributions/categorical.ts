import { readOptions } from "../checks.ts";
import { formatShape, OptionError, ShapeError } from "../errors.ts";
import { checkShape } from "../ops/core/array.ts";
import { broadcastShapes } from "../ops/core/broadcast.ts";
import { expectTensor } from "../tensor/apply.ts";
import { type GeneratorOption, multinomial } from "../tensor/distributions.ts";
import type { Tensor } from "../tensor/tensor.ts";

export interface CategoricalOptions {
  /** Weights [..., K] of the K categories, each ≥ 0; they are divided by their sum. */
  probs?: Tensor | null;
  /** In place of `probs`: logarithms of weights [..., K]. */
  logits?: Tensor | null;
}

/** The distance of a float32 from 1: PyTorch keeps probabilities this far from 0 and 1 before a logarithm. */
const EPSILON = 2 ** -23;

/**
 * A distribution over the categories 0 to K - 1, or one for each row of weights. Matches
 * `torch.distributions.Categorical`; gradients flow to `probs` or `logits`.
 *
 * @throws OptionError without exactly one of `probs` and `logits`; ShapeError for a scalar
 * @example
 * ```ts
 * import { distributions, manualSeed, tensor } from "wasmgrad";
 * manualSeed(0);
 * const policy = new distributions.Categorical({ probs: tensor([[0.2, 0.8], [1, 0]]) });
 * const action = policy.sample();
 * console.log(action.shape, policy.logProb(action).shape); // [2] [2]
 * ```
 */
export class Categorical {
  /** Probabilities [..., K]. */
  readonly probs: Tensor;
  /** Logarithms of the probabilities [..., K]. */
  readonly logits: Tensor;

  constructor(options: CategoricalOptions) {
    const op = "Categorical";
    const { probs, logits } = readOptions<Required<CategoricalOptions>>(op, options, { probs: null, logits: null });
    const weights = probs ?? logits;
    if (weights === null || (probs !== null && logits !== null)) {
      throw new OptionError(`${op}: expected either probs or logits, got ${weights === null ? "neither" : "both"}`);
    }
    expectTensor(op, probs === null ? "logits" : "probs", weights);
    if (weights.dim() === 0) throw new ShapeError(`${op}: expected [..., K], got ${formatShape(weights.shape)}`);
    if (probs !== null) {
      this.probs = probs.div(probs.sum(-1, { keepdim: true }));
      this.logits = this.probs.clamp({ min: EPSILON, max: 1 - EPSILON }).log();
    } else {
      this.logits = weights.logSoftmax(-1);
      this.probs = weights.softmax(-1);
    }
  }

  /** The shape of a sample: that of the weights without K. */
  get batchShape(): number[] {
    return this.probs.shape.slice(0, -1);
  }

  /** Random categories (int32) of the shape `sampleShape` and then `batchShape`. They have no gradient. */
  sample(sampleShape: readonly number[] = [], options?: GeneratorOption): Tensor {
    checkShape("Categorical.sample", sampleShape);
    const { batchShape, probs } = this;
    const count = sampleShape.reduce((product, length) => product * length, 1);
    const rows = probs.detach().reshape([-1, probs.shape[probs.dim() - 1]]);
    const drawn = multinomial(rows, count, { replacement: true, ...options });
    return drawn.t().reshape([...sampleShape, ...batchShape]);
  }

  /**
   * The logarithms of the probabilities of the categories `value` (int32), which broadcast with `batchShape`.
   */
  logProb(value: Tensor): Tensor {
    expectTensor("Categorical.logProb", "value", value);
    const shape = broadcastShapes("Categorical.logProb", value.shape, this.batchShape);
    const logits = this.logits.expand([...shape, this.logits.shape[this.logits.dim() - 1]]);
    return logits.gather(-1, value.expand(shape).unsqueeze(-1)).squeeze(-1);
  }

  /** `-Σ p log p`, in the shape `batchShape`. */
  entropy(): Tensor {
    return this.logits.clampMin(-3.4028234663852886e38).mul(this.probs).sum(-1).neg();
  }
}
