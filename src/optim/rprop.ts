import { checkBoolean, checkNumber, describe } from "../checks.ts";
import { OptionError } from "../errors.ts";
import { rpropStep } from "../ops/optim/adaptive_steps.ts";
import { full } from "../tensor/fill.ts";
import { keep } from "../tensor/lifetime/scoped.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type Maximize, Optimizer, type ParamGroup, type Params } from "./optimizer.ts";

export interface RpropOptions extends Maximize {
  /** The step size of each element at first. Default 1e-2. */
  lr: number;
  /** Factors of the step size where the gradient's sign has changed, and where not. Default [0.5, 1.2]. */
  etas: readonly [number, number];
  /** The smallest and the largest step size. Default [1e-6, 50]. */
  stepSizes: readonly [number, number];
}

/**
 * Resilient backpropagation, for gradients of the whole data set: only their signs matter. Matches
 * `torch.optim.Rprop`.
 *
 * Each element has a step size, which grows while the sign of its gradient stays the same. Where the sign
 * changes, the step size shrinks and the element stays. `p -= sign(g) · stepSize`.
 *
 * @throws OptionError for bad or unknown options, and for an empty or repeated parameter.
 * see: Riedmiller & Braun, A direct adaptive method for faster backpropagation learning, 1993
 * @example
 * ```ts
 * import { optim, tensor } from "wasmgrad";
 * const x = tensor([1], { requiresGrad: true });
 * const optimizer = new optim.Rprop([x], { lr: 0.1 });
 * x.mul(x).sum().backward();
 * optimizer.step();
 * console.log(x.item().toFixed(3)); // 0.900
 * ```
 */
export class Rprop extends Optimizer<RpropOptions> {
  protected readonly stateKinds = { step: "count", prev: "tensor", step_size: "tensor" } as const;

  constructor(params: Params<RpropOptions>, options?: Partial<RpropOptions>) {
    super("Rprop", params, options, { lr: 1e-2, etas: [0.5, 1.2], stepSizes: [1e-6, 50], maximize: false });
  }

  protected checkOptions(o: RpropOptions): void {
    checkNumber(this.name, "lr", o.lr, 0);
    for (const name of ["etas", "stepSizes"] as const) {
      if (!Array.isArray(o[name]) || o[name].length !== 2) {
        throw new OptionError(`${this.name}: ${name} expected two numbers, got ${describe(o[name])}`);
      }
      for (const [i, value] of o[name].entries()) checkNumber(this.name, `${name}[${i}]`, value, 0);
    }
    if (o.etas[0] <= 0 || o.etas[0] >= 1 || o.etas[1] <= 1) {
      throw new OptionError(`${this.name}: etas expected 0 < etas[0] < 1 < etas[1], got ${describe(o.etas)}`);
    }
    checkBoolean(this.name, "maximize", o.maximize);
  }

  protected update(params: readonly Tensor[], group: ParamGroup<RpropOptions>): void {
    for (const param of params) {
      const state = this.stateOf(param);
      state.step_size ??= keep(full(param.shape, group.lr));
      const first = this.stateTensor(state, "prev", param).array;
      const second = (state.step_size as Tensor).array;
      rpropStep({ param: param.array, grad: this.gradientOf(param, group), first, second }, group);
      state.step = ((state.step as number | undefined) ?? 0) + 1;
    }
  }
}
