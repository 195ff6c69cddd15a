import { checkBoolean, checkNumber } from "../checks.ts";
import { adamStep } from "../ops/optim/steps.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { checkBetas } from "./checks.ts";
import { power } from "./exact_math.ts";
import { type Maximize, Optimizer, type ParamGroup, type Params } from "./optimizer.ts";

export interface AdamOptions extends Maximize {
  /** Learning rate. Default 1e-3. */
  lr: number;
  /** Coefficients of the running means of the gradient and of its square, in [0, 1). Default [0.9, 0.999]. */
  betas: readonly [number, number];
  /** Added to the denominator. Default 1e-8. */
  eps: number;
  /**
   * Adam: factor of the L2 penalty, default 0. AdamW: each step subtracts lr · weightDecay · p; default 0.01.
   */
  weightDecay: number;
  /** Whether to divide by the largest running mean of squares so far. Default false. */
  amsgrad: boolean;
}

const DEFAULTS: AdamOptions = {
  lr: 1e-3,
  betas: [0.9, 0.999],
  eps: 1e-8,
  weightDecay: 0,
  amsgrad: false,
  maximize: false,
};

/** Base class of Adam and AdamW, which apply weight decay differently. */
abstract class AdamBase extends Optimizer<AdamOptions> {
  protected readonly stateKinds = {
    step: "count",
    exp_avg: "tensor",
    exp_avg_sq: "tensor",
    max_exp_avg_sq: "tensor?",
  } as const;

  protected checkOptions(o: AdamOptions): void {
    checkNumber(this.name, "lr", o.lr, 0);
    checkBetas(this.name, o.betas);
    checkNumber(this.name, "eps", o.eps, 0);
    checkNumber(this.name, "weightDecay", o.weightDecay, 0);
    checkBoolean(this.name, "amsgrad", o.amsgrad);
    checkBoolean(this.name, "maximize", o.maximize);
  }

  /** The factor of the L2 penalty, and the factor by which a parameter is multiplied. */
  protected abstract decay(group: AdamOptions): { weightDecay: number; shrink: number };

  protected update(params: readonly Tensor[], group: ParamGroup<AdamOptions>): void {
    const { lr, eps, amsgrad } = group;
    const [beta1, beta2] = group.betas;
    const states = params.map((param) => this.stateOf(param));
    // usually every parameter has taken the same number of steps
    const scalesByStep = new Map<number, { stepSize: number; correction: number }>();
    const updates = params.map((param, i) => {
      const state = states[i];
      const step = ((state.step as number | undefined) ?? 0) + 1;
      let scales = scalesByStep.get(step);
      if (!scales) {
        scales = { stepSize: lr / (1 - power(beta1, step)), correction: 1 / Math.sqrt(1 - power(beta2, step)) };
        scalesByStep.set(step, scales);
      }
      return {
        param: param.array,
        grad: this.gradientOf(param, group),
        expAvg: this.stateTensor(state, "exp_avg", param).array,
        expAvgSq: this.stateTensor(state, "exp_avg_sq", param).array,
        maxExpAvgSq: amsgrad ? this.stateTensor(state, "max_exp_avg_sq", param).array : null,
        stepSize: scales.stepSize,
        correction: scales.correction,
      };
    });
    adamStep(updates, { ...this.decay(group), beta1, beta2, eps });
    for (const state of states) state.step = ((state.step as number | undefined) ?? 0) + 1;
  }
}

/**
 * Adam. Matches `torch.optim.Adam`.
 *
 * `d = g + weightDecay·p`; `m = β₁m + (1−β₁)d`; `v = β₂v + (1−β₂)d²`; `p -= lr · m/(1−β₁ᵗ) / (√(v/(1−β₂ᵗ)) +
 * eps)`. With amsgrad the largest v so far replaces v. State is float32, as in PyTorch: the square of a
 * gradient above about 1e20 is infinite (no step), and the square of a gradient below about 1e-21 is 0.
 * An `m` with a magnitude below 1e-30 becomes 0, and so does a `v` below 1e-36: set `eps` well above 1e-18.
 *
 * @throws OptionError for bad or unknown options, and for an empty or repeated parameter.
 * see: Kingma & Ba, Adam: a method for stochastic optimization, 2015
 * @example
 * ```ts
 * import { optim, tensor } from "wasmgrad";
 * const x = tensor([1], { requiresGrad: true });
 * const optimizer = new optim.Adam([x], { lr: 0.1 });
 * x.mul(x).sum().backward();
 * optimizer.step();
 * console.log(x.item().toFixed(3)); // 0.900
 * ```
 */
export class Adam extends AdamBase {
  constructor(params: Params<AdamOptions>, options?: Partial<AdamOptions>) {
    super("Adam", params, options, DEFAULTS);
  }

  protected decay({ weightDecay }: AdamOptions) {
    return { weightDecay, shrink: 1 };
  }
}

/**
 * Adam with decoupled weight decay: `p = (1 − lr·weightDecay)·p` before each step of Adam. Matches
 * `torch.optim.AdamW`.
 *
 * @throws OptionError for bad or unknown options, and for an empty or repeated parameter.
 * see: Loshchilov & Hutter, Decoupled weight decay regularization, 2019
 * @example
 * ```ts
 * import { optim, tensor } from "wasmgrad";
 * const x = tensor([1], { requiresGrad: true });
 * const optimizer = new optim.AdamW([x], { lr: 0.1, weightDecay: 0.5 });
 * x.mul(x).sum().backward();
 * optimizer.step();
 * console.log(x.item().toFixed(3)); // 0.850
 * ```
 */
export class AdamW extends AdamBase {
  constructor(params: Params<AdamOptions>, options?: Partial<AdamOptions>) {
    super("AdamW", params, options, { ...DEFAULTS, weightDecay: 1e-2 });
  }

  protected decay({ lr, weightDecay }: AdamOptions) {
    return { weightDecay: 0, shrink: 1 - lr * weightDecay };
  }
}
