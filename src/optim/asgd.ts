import { checkBoolean, checkNumber } from "../checks.ts";
import { asgdStep } from "../ops/optim/adaptive_steps.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { realPower } from "./exact_math.ts";
import { type Maximize, Optimizer, type ParamGroup, type Params } from "./optimizer.ts";

export interface ASGDOptions extends Maximize {
  /** Learning rate. Default 1e-2. */
  lr: number;
  /** Factor of the decay: a step multiplies p by `1 − lambd·η`. Default 1e-4. */
  lambd: number;
  /** Exponent of the decay of the rate. Default 0.75. */
  alpha: number;
  /** The step at which averaging starts. Default 1e6. */
  t0: number;
  /** Factor of the L2 penalty: weightDecay · p is added to the gradient. Default 0. */
  weightDecay: number;
}

/**
 * Averaged stochastic gradient descent. Matches `torch.optim.ASGD`.
 *
 * `p = (1 − lambd·η)p − η·d` with `d = g + weightDecay·p`; then `η = lr / (1 + lambd·lr·t)^alpha`. The state
 * `ax` is the mean of p since step `t0` (before that, p itself).
 *
 * @throws OptionError for bad or unknown options, and for an empty or repeated parameter.
 * see: Polyak & Juditsky, Acceleration of stochastic approximation by averaging, 1992
 * @example
 * ```ts
 * import { optim, tensor } from "wasmgrad";
 * const x = tensor([1], { requiresGrad: true });
 * const optimizer = new optim.ASGD([x], { lr: 0.1 });
 * x.mul(x).sum().backward();
 * optimizer.step();
 * console.log(x.item().toFixed(3)); // 0.800
 * ```
 */
export class ASGD extends Optimizer<ASGDOptions> {
  protected readonly stateKinds = { step: "count", eta: "number", mu: "number", ax: "tensor" } as const;

  constructor(params: Params<ASGDOptions>, options?: Partial<ASGDOptions>) {
    const decay = { lambd: 1e-4, alpha: 0.75, t0: 1e6, weightDecay: 0 };
    super("ASGD", params, options, { lr: 1e-2, ...decay, maximize: false });
  }

  protected checkOptions(o: ASGDOptions): void {
    for (const name of ["lr", "lambd", "t0", "weightDecay"] as const) checkNumber(this.name, name, o[name], 0);
    checkNumber(this.name, "alpha", o.alpha);
    checkBoolean(this.name, "maximize", o.maximize);
  }

  protected update(params: readonly Tensor[], group: ParamGroup<ASGDOptions>): void {
    const { lr, lambd, alpha, t0, weightDecay } = group;
    for (const param of params) {
      const state = this.stateOf(param);
      const step = ((state.step as number | undefined) ?? 0) + 1;
      const eta = (state.eta as number | undefined) ?? lr;
      const share = (state.mu as number | undefined) ?? 1;
      const average = this.stateTensor(state, "ax", param).array;
      const grad = this.gradientOf(param, group);
      asgdStep({ param: param.array, grad, average }, { eta, shrink: 1 - lambd * eta, share, weightDecay });
      state.step = step;
      state.eta = lr / realPower(1 + lambd * lr * step, alpha);
      state.mu = 1 / Math.max(1, step - t0);
    }
  }
}
