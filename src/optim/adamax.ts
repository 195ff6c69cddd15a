import { checkBoolean, checkNumber } from "../checks.ts";
import { adamaxStep } from "../ops/optim/adaptive_steps.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { checkBetas } from "./checks.ts";
import { power } from "./exact_math.ts";
import { type Maximize, Optimizer, type ParamGroup, type Params } from "./optimizer.ts";

export interface AdamaxOptions extends Maximize {
  /** Learning rate. Default 2e-3. */
  lr: number;
  /** Coefficients of the gradient's running mean and decayed maximum, in [0, 1). Default [0.9, 0.999]. */
  betas: readonly [number, number];
  /** Added to the gradient's magnitude. Default 1e-8. */
  eps: number;
  /** Factor of the L2 penalty: weightDecay · p is added to the gradient. Default 0. */
  weightDecay: number;
}

/**
 * Adamax: Adam with the largest magnitude in place of the mean of squares. Matches `torch.optim.Adamax`.
 *
 * `d = g + weightDecay·p`; `m = β₁m + (1−β₁)d`; `u = max(β₂u, |d| + eps)`; `p -= lr/(1−β₁ᵗ) · m/u`. An `m`
 * with a magnitude below 1e-30 becomes 0.
 *
 * @throws OptionError for bad or unknown options, and for an empty or repeated parameter.
 * see: Kingma & Ba, Adam: a method for stochastic optimization, 2015, section 7.1
 * @example
 * ```ts
 * import { optim, tensor } from "wasmgrad";
 * const x = tensor([1], { requiresGrad: true });
 * const optimizer = new optim.Adamax([x], { lr: 0.1 });
 * x.mul(x).sum().backward();
 * optimizer.step();
 * console.log(x.item().toFixed(3)); // 0.900
 * ```
 */
export class Adamax extends Optimizer<AdamaxOptions> {
  protected readonly stateKinds = { step: "count", exp_avg: "tensor", exp_inf: "tensor" } as const;

  constructor(params: Params<AdamaxOptions>, options?: Partial<AdamaxOptions>) {
    const betas = [0.9, 0.999] as const;
    super("Adamax", params, options, { lr: 2e-3, betas, eps: 1e-8, weightDecay: 0, maximize: false });
  }

  protected checkOptions(o: AdamaxOptions): void {
    for (const name of ["lr", "eps", "weightDecay"] as const) checkNumber(this.name, name, o[name], 0);
    checkBetas(this.name, o.betas);
    checkBoolean(this.name, "maximize", o.maximize);
  }

  protected update(params: readonly Tensor[], group: ParamGroup<AdamaxOptions>): void {
    for (const param of params) {
      const state = this.stateOf(param);
      const step = ((state.step as number | undefined) ?? 0) + 1;
      const first = this.stateTensor(state, "exp_avg", param).array;
      const second = this.stateTensor(state, "exp_inf", param).array;
      const stepSize = group.lr / (1 - power(group.betas[0], step));
      adamaxStep({ param: param.array, grad: this.gradientOf(param, group), first, second }, { ...group, stepSize });
      state.step = step;
    }
  }
}
