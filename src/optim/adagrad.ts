import { checkBoolean, checkNumber } from "../checks.ts";
import { adagradStep } from "../ops/optim/adaptive_steps.ts";
import { full } from "../tensor/fill.ts";
import { keep } from "../tensor/lifetime/scoped.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type Maximize, Optimizer, type ParamGroup, type Params } from "./optimizer.ts";

export interface AdagradOptions extends Maximize {
  /** Learning rate. Default 1e-2. */
  lr: number;
  /** The rate of step t is `lr / (1 + (t − 1) lrDecay)`. Default 0. */
  lrDecay: number;
  /** Factor of the L2 penalty: weightDecay · p is added to the gradient. Default 0. */
  weightDecay: number;
  /** The value at which the sums of squares start. Default 0. */
  initialAccumulatorValue: number;
  /** Added to the denominator. Default 1e-10. */
  eps: number;
}

/**
 * Adagrad. Matches `torch.optim.Adagrad`.
 *
 * `d = g + weightDecay·p`; `s = s + d²`; `p -= lr / (1 + (t−1)·lrDecay) · d / (√s + eps)`.
 *
 * @throws OptionError for bad or unknown options, and for an empty or repeated parameter.
 * see: Duchi, Hazan & Singer, Adaptive subgradient methods for online learning, 2011
 * @example
 * ```ts
 * import { optim, tensor } from "wasmgrad";
 * const x = tensor([1], { requiresGrad: true });
 * const optimizer = new optim.Adagrad([x], { lr: 0.1 });
 * x.mul(x).sum().backward();
 * optimizer.step();
 * console.log(x.item().toFixed(3)); // 0.900
 * ```
 */
export class Adagrad extends Optimizer<AdagradOptions> {
  protected readonly stateKinds = { step: "count", sum: "tensor" } as const;

  constructor(params: Params<AdagradOptions>, options?: Partial<AdagradOptions>) {
    const sum = { initialAccumulatorValue: 0, eps: 1e-10 };
    super("Adagrad", params, options, { lr: 1e-2, lrDecay: 0, weightDecay: 0, ...sum, maximize: false });
  }

  protected checkOptions(o: AdagradOptions): void {
    for (const name of ["lr", "lrDecay", "weightDecay", "initialAccumulatorValue", "eps"] as const) {
      checkNumber(this.name, name, o[name], 0);
    }
    checkBoolean(this.name, "maximize", o.maximize);
  }

  protected update(params: readonly Tensor[], group: ParamGroup<AdagradOptions>): void {
    for (const param of params) {
      const state = this.stateOf(param);
      const step = ((state.step as number | undefined) ?? 0) + 1;
      state.sum ??= keep(full(param.shape, group.initialAccumulatorValue));
      const grad = this.gradientOf(param, group);
      const lr = group.lr / (1 + (step - 1) * group.lrDecay);
      adagradStep({ param: param.array, grad, sum: (state.sum as Tensor).array }, { ...group, lr });
      state.step = step;
    }
  }
}
