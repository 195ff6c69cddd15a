import { describe } from "../checks.ts";
import { OptionError } from "../errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Categorical } from "./categorical.ts";
import { Normal } from "./normal.ts";

/**
 * The Kullback-Leibler divergence of `q` from `p`, the mean of `ln p(x) - ln q(x)` over x from p, for each
 * pair of distributions of the same kind. Matches `torch.distributions.kl_divergence`.
 *
 * @throws OptionError for distributions of different kinds
 * @example
 * ```ts
 * import { distributions, tensor } from "wasmgrad";
 * const { klDivergence, Normal } = distributions;
 * console.log(klDivergence(new Normal(tensor([0, 1]), 1), new Normal(0, 1)).toArray()); // [0, 0.5]
 * ```
 */
export function klDivergence(p: Categorical | Normal, q: Categorical | Normal): Tensor {
  if (p instanceof Normal && q instanceof Normal) {
    const ratio = p.scale.div(q.scale).square();
    const distance = p.loc.sub(q.loc).div(q.scale).square();
    return ratio.add(distance).sub(1).sub(ratio.log()).mul(0.5);
  }
  if (p instanceof Categorical && q instanceof Categorical) {
    const terms = p.probs.mul(p.logits.sub(q.logits));
    // categories that q excludes
    const infinite = q.probs.eq(0).logicalAnd(p.probs.ne(0));
    return terms.maskedFill(infinite, Infinity).maskedFill(p.probs.eq(0), 0).sum(-1);
  }
  throw new OptionError(
    `klDivergence: expected two distributions of the same kind, got ${describe(p)} and ${describe(q)}`,
  );
}
