import { checkBoolean, checkNumber } from "../checks.ts";
import { adadeltaStep } from "../ops/optim/adaptive_steps.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type Maximize, Optimizer, type ParamGroup, type Params } from "./optimizer.ts";

export interface AdadeltaOptions extends Maximize {
  /** Factor of the update. Default 1. */
  lr: number;
  /** Coefficient of the running means of squares, in [0, 1]. Default 0.9. */
  rho: number;
  /** Added to the means before the root. Default 1e-6. */
  eps: number;
  /** Factor of the L2 penalty: weightDecay · p is added to the gradient. Default 0. */
  weightDecay: number;
}

/**
 * Adadelta. Matches `torch.optim.Adadelta`.
 *
 * `d = g + weightDecay·p`; `v = ρv + (1−ρ)d²`; `u = √(a + eps) / √(v + eps) · d`; `a = ρa + (1−ρ)u²`;
 * `p -= lr·u`. A `v` or `a` below 1e-36 becomes 0.
 *
 * @throws OptionError for bad or unknown options, and for an empty or repeated parameter.
 * see: Zeiler, ADADELTA: an adaptive learning rate method, 2012
 * @example
 * ```ts
 * import { optim, tensor } from "wasmgrad";
 * const x = tensor([1], { requiresGrad: true });
 * const optimizer = new optim.Adadelta([x]);
 * x.mul(x).sum().backward();
 * optimizer.step();
 * console.log(x.item().toFixed(4)); // 0.9968
 * ```
 */
export class Adadelta extends Optimizer<AdadeltaOptions> {
  protected readonly stateKinds = { step: "count", square_avg: "tensor", acc_delta: "tensor" } as const;

  constructor(params: Params<AdadeltaOptions>, options?: Partial<AdadeltaOptions>) {
    super("Adadelta", params, options, { lr: 1, rho: 0.9, eps: 1e-6, weightDecay: 0, maximize: false });
  }

  protected checkOptions(o: AdadeltaOptions): void {
    for (const name of ["lr", "eps", "weightDecay"] as const) checkNumber(this.name, name, o[name], 0);
    checkNumber(this.name, "rho", o.rho, 0, 1);
    checkBoolean(this.name, "maximize", o.maximize);
  }

  protected update(params: readonly Tensor[], group: ParamGroup<AdadeltaOptions>): void {
    for (const param of params) {
      const state = this.stateOf(param);
      const first = this.stateTensor(state, "square_avg", param).array;
      const second = this.stateTensor(state, "acc_delta", param).array;
      adadeltaStep({ param: param.array, grad: this.gradientOf(param, group), first, second }, group);
      state.step = ((state.step as number | undefined) ?? 0) + 1;
    }
  }
}
