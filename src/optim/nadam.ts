import { checkBoolean, checkNumber } from "../checks.ts";
import { nadamStep } from "../ops/optim/adaptive_steps.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { checkBetas } from "./checks.ts";
import { power, realPower } from "./exact_math.ts";
import { type Maximize, Optimizer, type ParamGroup, type Params } from "./optimizer.ts";

export interface NAdamOptions extends Maximize {
  /** Learning rate. Default 2e-3. */
  lr: number;
  /** Coefficients of the running means of the gradient and of its square, in [0, 1). Default [0.9, 0.999]. */
  betas: readonly [number, number];
  /** Added to the denominator. Default 1e-8. */
  eps: number;
  /** Factor of the weight decay. Default 0. */
  weightDecay: number;
  /** How fast the momentum approaches beta1. Default 4e-3. */
  momentumDecay: number;
  /** Whether weight decay multiplies p by `1 − lr·weightDecay`, as in AdamW. Default false. */
  decoupledWeightDecay: boolean;
}

/**
 * Adam with Nesterov momentum. Matches `torch.optim.NAdam`.
 *
 * `m` and `v` as in Adam; `μₜ = β₁(1 − 0.96^(t·momentumDecay) / 2)`;
 * `p -= lr · ((1−μₜ)/(1−μ₁⋯μₜ)·d + μₜ₊₁/(1−μ₁⋯μₜ₊₁)·m) / (√(v/(1−β₂ᵗ)) + eps)`. An `m` with a magnitude
 * below 1e-30 becomes 0, and so does a `v` below 1e-36.
 *
 * @throws OptionError for bad or unknown options, and for an empty or repeated parameter.
 * see: Dozat, Incorporating Nesterov momentum into Adam, 2016
 * @example
 * ```ts
 * import { optim, tensor } from "wasmgrad";
 * const x = tensor([1], { requiresGrad: true });
 * const optimizer = new optim.NAdam([x], { lr: 0.1 });
 * x.mul(x).sum().backward();
 * optimizer.step();
 * console.log(x.item() < 0.95); // true
 * ```
 */
export class NAdam extends Optimizer<NAdamOptions> {
  protected readonly stateKinds = {
    step: "count",
    mu_product: "number",
    exp_avg: "tensor",
    exp_avg_sq: "tensor",
  } as const;

  constructor(params: Params<NAdamOptions>, options?: Partial<NAdamOptions>) {
    super("NAdam", params, options, {
      lr: 2e-3,
      betas: [0.9, 0.999],
      eps: 1e-8,
      weightDecay: 0,
      momentumDecay: 4e-3,
      decoupledWeightDecay: false,
      maximize: false,
    });
  }

  protected checkOptions(o: NAdamOptions): void {
    for (const name of ["lr", "eps", "weightDecay", "momentumDecay"] as const) checkNumber(this.name, name, o[name], 0);
    checkBetas(this.name, o.betas);
    for (const name of ["decoupledWeightDecay", "maximize"] as const) checkBoolean(this.name, name, o[name]);
  }

  protected update(params: readonly Tensor[], group: ParamGroup<NAdamOptions>): void {
    const { lr, betas, momentumDecay, decoupledWeightDecay } = group;
    const momentum = (step: number) => betas[0] * (1 - 0.5 * realPower(0.96, step * momentumDecay));
    for (const param of params) {
      const state = this.stateOf(param);
      const step = ((state.step as number | undefined) ?? 0) + 1;
      const [present, next] = [momentum(step), momentum(step + 1)];
      const product = ((state.mu_product as number | undefined) ?? 1) * present;
      const first = this.stateTensor(state, "exp_avg", param).array;
      const second = this.stateTensor(state, "exp_avg_sq", param).array;
      nadamStep(
        { param: param.array, grad: this.gradientOf(param, group), first, second },
        {
          betas,
          eps: group.eps,
          weightDecay: decoupledWeightDecay ? 0 : group.weightDecay,
          shrink: decoupledWeightDecay ? 1 - lr * group.weightDecay : 1,
          gradStep: (lr * (1 - present)) / (1 - product),
          meanStep: (lr * next) / (1 - product * next),
          correction: 1 / Math.sqrt(1 - power(betas[1], step)),
        },
      );
      state.step = step;
      state.mu_product = product;
    }
  }
}
