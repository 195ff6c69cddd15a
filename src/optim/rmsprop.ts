import { checkBoolean, checkNumber } from "../checks.ts";
import type { NDArray } from "../ops/core/array.ts";
import { rmspropStep } from "../ops/optim/steps.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { checkFraction } from "./checks.ts";
import { type Maximize, Optimizer, type ParamGroup, type Params } from "./optimizer.ts";

export interface RMSpropOptions extends Maximize {
  /** Learning rate. Default 1e-2. */
  lr: number;
  /** Coefficient of the running mean of squares, in [0, 1). Default 0.99. */
  alpha: number;
  /** Added to the denominator. Default 1e-8. */
  eps: number;
  /** Factor of the L2 penalty: weightDecay · p is added to the gradient. Default 0. */
  weightDecay: number;
  /** Momentum factor. Default 0. */
  momentum: number;
  /**
   * Whether to divide by the gradient's standard deviation instead of its root mean square. Default false.
   */
  centered: boolean;
}

/**
 * RMSprop. Matches `torch.optim.RMSprop`.
 *
 * `d = g + weightDecay·p`; `s = α·s + (1−α)·d²`; `p -= lr · d / (√s + eps)`; with `centered`, `√(s − a²)`
 * replaces `√s`, where `a = α·a + (1−α)·d`. With momentum, `b = momentum·b + d / (√s + eps)` and `p -= lr ·
 * b`. State is float32, as in PyTorch: the square of a gradient above about 1e20 is infinite (no step), and
 * the square of a gradient below about 1e-21 is 0. An `a` or `b` with a magnitude below 1e-30 becomes 0,
 * and so does an `s` below 1e-36: set `eps` well above 1e-18.
 *
 * @throws OptionError for bad or unknown options, and for an empty or repeated parameter.
 * @example
 * ```ts
 * import { optim, tensor } from "wasmgrad";
 * const x = tensor([1], { requiresGrad: true });
 * const optimizer = new optim.RMSprop([x], { lr: 0.01 });
 * x.mul(x).sum().backward();
 * optimizer.step();
 * console.log(x.item().toFixed(3)); // 0.900
 * ```
 */
export class RMSprop extends Optimizer<RMSpropOptions> {
  protected readonly stateKinds = {
    step: "count",
    square_avg: "tensor",
    grad_avg: "tensor?",
    momentum_buffer: "tensor?",
  } as const;

  constructor(params: Params<RMSpropOptions>, options?: Partial<RMSpropOptions>) {
    const defaults = {
      lr: 1e-2,
      alpha: 0.99,
      eps: 1e-8,
      weightDecay: 0,
      momentum: 0,
      centered: false,
      maximize: false,
    };
    super("RMSprop", params, options, defaults);
  }

  protected checkOptions(o: RMSpropOptions): void {
    checkNumber(this.name, "lr", o.lr, 0);
    checkFraction(this.name, "alpha", o.alpha);
    checkNumber(this.name, "eps", o.eps, 0);
    checkNumber(this.name, "weightDecay", o.weightDecay, 0);
    checkNumber(this.name, "momentum", o.momentum, 0);
    checkBoolean(this.name, "centered", o.centered);
    checkBoolean(this.name, "maximize", o.maximize);
  }

  protected update(params: readonly Tensor[], group: ParamGroup<RMSpropOptions>): void {
    for (const param of params) this.#update(param, this.gradientOf(param, group), group);
  }

  #update(param: Tensor, grad: NDArray, group: ParamGroup<RMSpropOptions>): void {
    const state = this.stateOf(param);
    const squareAvg = this.stateTensor(state, "square_avg", param).array;
    const gradAvg = group.centered ? this.stateTensor(state, "grad_avg", param).array : null;
    const momentumBuffer = group.momentum > 0 ? this.stateTensor(state, "momentum_buffer", param).array : null;
    rmspropStep({ param: param.array, grad, squareAvg, gradAvg, momentumBuffer }, group);
    state.step = ((state.step as number | undefined) ?? 0) + 1;
  }
}
