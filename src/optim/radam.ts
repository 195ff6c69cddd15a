import { checkBoolean, checkNumber } from "../checks.ts";
import { radamStep } from "../ops/optim/adaptive_steps.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { checkBetas } from "./checks.ts";
import { power } from "./exact_math.ts";
import { type Maximize, Optimizer, type ParamGroup, type Params } from "./optimizer.ts";

export interface RAdamOptions extends Maximize {
  /** Learning rate. Default 1e-3. */
  lr: number;
  /** Coefficients of the running means of the gradient and of its square, in [0, 1). Default [0.9, 0.999]. */
  betas: readonly [number, number];
  /** Added to the denominator. Default 1e-8. */
  eps: number;
  /** Factor of the weight decay. Default 0. */
  weightDecay: number;
  /** Whether weight decay multiplies p by `1 − lr·weightDecay`, as in AdamW. Default false. */
  decoupledWeightDecay: boolean;
}

/**
 * Rectified Adam. Matches `torch.optim.RAdam`.
 *
 * `m` and `v` as in Adam; `ρ∞ = 2/(1−β₂) − 1`; `ρₜ = ρ∞ − 2tβ₂ᵗ/(1−β₂ᵗ)`. While `ρₜ <= 5`,
 * `p -= lr·m/(1−β₁ᵗ)`; later this step is multiplied by `r·√(1−β₂ᵗ)/(√v + eps)` with
 * `r = √((ρₜ−4)(ρₜ−2)ρ∞ / ((ρ∞−4)(ρ∞−2)ρₜ))`. An `m` with a magnitude below 1e-30 becomes 0, and so does a
 * `v` below 1e-36.
 *
 * @throws OptionError for bad or unknown options, and for an empty or repeated parameter.
 * see: Liu et al., On the variance of the adaptive learning rate and beyond, 2020
 * @example
 * ```ts
 * import { optim, tensor } from "wasmgrad";
 * const x = tensor([1], { requiresGrad: true });
 * const optimizer = new optim.RAdam([x], { lr: 0.1 });
 * x.mul(x).sum().backward();
 * optimizer.step();
 * console.log(x.item().toFixed(3)); // 0.800
 * ```
 */
export class RAdam extends Optimizer<RAdamOptions> {
  protected readonly stateKinds = { step: "count", exp_avg: "tensor", exp_avg_sq: "tensor" } as const;

  constructor(params: Params<RAdamOptions>, options?: Partial<RAdamOptions>) {
    const moments = { betas: [0.9, 0.999] as const, eps: 1e-8 };
    const decay = { weightDecay: 0, decoupledWeightDecay: false };
    super("RAdam", params, options, { lr: 1e-3, ...moments, ...decay, maximize: false });
  }

  protected checkOptions(o: RAdamOptions): void {
    for (const name of ["lr", "eps", "weightDecay"] as const) checkNumber(this.name, name, o[name], 0);
    checkBetas(this.name, o.betas);
    for (const name of ["decoupledWeightDecay", "maximize"] as const) checkBoolean(this.name, name, o[name]);
  }

  protected update(params: readonly Tensor[], group: ParamGroup<RAdamOptions>): void {
    const { lr, betas, decoupledWeightDecay } = group;
    for (const param of params) {
      const state = this.stateOf(param);
      const step = ((state.step as number | undefined) ?? 0) + 1;
      const first = this.stateTensor(state, "exp_avg", param).array;
      const second = this.stateTensor(state, "exp_avg_sq", param).array;
      radamStep(
        { param: param.array, grad: this.gradientOf(param, group), first, second },
        {
          betas,
          eps: group.eps,
          weightDecay: decoupledWeightDecay ? 0 : group.weightDecay,
          shrink: decoupledWeightDecay ? 1 - lr * group.weightDecay : 1,
          stepSize: lr / (1 - power(betas[0], step)),
          scale: rectification(betas[1], step),
        },
      );
      state.step = step;
    }
  }
}

/** `r √(1−β₂ᵗ)`, or 0 while the variance of the step is not defined. */
function rectification(beta2: number, step: number): number {
  const decayed = power(beta2, step);
  const limit = 2 / (1 - beta2) - 1;
  const length = limit - (2 * step * decayed) / (1 - decayed);
  if (length <= 5) return 0;
  const square = ((length - 4) * (length - 2) * limit) / ((limit - 4) * (limit - 2) * length);
  return Math.sqrt(square) * Math.sqrt(1 - decayed);
}
