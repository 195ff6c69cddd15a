import { checkBoolean, checkNumber } from "../checks.ts";
import { OptionError } from "../errors.ts";
import type { NDArray } from "../ops/core/array.ts";
import { sgdStep } from "../ops/optim/steps.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type Maximize, Optimizer, type ParamGroup, type Params } from "./optimizer.ts";

export interface SGDOptions extends Maximize {
  /** Learning rate. Default 1e-3. */
  lr: number;
  /** Momentum factor. Default 0. */
  momentum: number;
  /** Damping of the gradient in the momentum buffer. Default 0. */
  dampening: number;
  /** Factor of the L2 penalty: weightDecay · p is added to the gradient. Default 0. */
  weightDecay: number;
  /** Whether to use Nesterov momentum, which needs momentum > 0 and dampening 0. Default false. */
  nesterov: boolean;
}

/**
 * Stochastic gradient descent. Matches `torch.optim.SGD`.
 *
 * `d = g + weightDecay·p`; `b = momentum·b + (1 − dampening)·d` (at first `b = d`); `p -= lr·b`, with
 * nesterov `p -= lr·(d + momentum·b)`. A `b` with a magnitude below 1e-30 becomes 0.
 *
 * @throws OptionError for bad or unknown options, and for an empty or repeated parameter.
 * @example
 * ```ts
 * import { optim, tensor } from "wasmgrad";
 * const x = tensor([4], { requiresGrad: true });
 * const optimizer = new optim.SGD([x], { lr: 0.1, momentum: 0.9 });
 * for (let i = 0; i < 100; i++) {
 *   optimizer.zeroGrad();
 *   x.mul(x).sum().backward();
 *   optimizer.step();
 * }
 * console.log(Math.abs(x.item()) < 0.1); // true
 * ```
 */
export class SGD extends Optimizer<SGDOptions> {
  protected readonly stateKinds = { momentum_buffer: "tensor?" } as const;

  constructor(params: Params<SGDOptions>, options?: Partial<SGDOptions>) {
    super("SGD", params, options, {
      lr: 1e-3,
      momentum: 0,
      dampening: 0,
      weightDecay: 0,
      nesterov: false,
      maximize: false,
    });
  }

  protected checkOptions(o: SGDOptions): void {
    checkNumber(this.name, "lr", o.lr, 0);
    checkNumber(this.name, "momentum", o.momentum, 0);
    checkNumber(this.name, "dampening", o.dampening);
    checkNumber(this.name, "weightDecay", o.weightDecay, 0);
    checkBoolean(this.name, "nesterov", o.nesterov);
    checkBoolean(this.name, "maximize", o.maximize);
    if (o.nesterov && (o.momentum === 0 || o.dampening !== 0)) {
      throw new OptionError(
        `SGD: nesterov expected momentum > 0 and dampening 0, got momentum ${o.momentum}, dampening ${o.dampening}`,
      );
    }
  }

  protected update(params: readonly Tensor[], group: ParamGroup<SGDOptions>): void {
    for (const param of params) this.#update(param, this.gradientOf(param, group), group);
  }

  #update(param: Tensor, grad: NDArray, group: ParamGroup<SGDOptions>): void {
    const { lr, momentum, dampening, weightDecay, nesterov } = group;
    let momentumBuffer = null;
    let gradScale = 1;
    if (momentum !== 0) {
      const state = this.stateOf(param);
      // the buffer starts as the first gradient, without dampening
      if (state.momentum_buffer) gradScale = 1 - dampening;
      momentumBuffer = this.stateTensor(state, "momentum_buffer", param).array;
    }
    const update = { param: param.array, grad, momentumBuffer };
    sgdStep(update, { lr, momentum, gradScale, nesterov, weightDecay });
  }
}
