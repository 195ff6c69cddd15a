import { checkBoolean, checkInteger, readOptions } from "../../checks.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { linear } from "../functional/linear.ts";
import { emptyParameter, initWeightAndBias } from "../internal/default_init.ts";
import { Module } from "../module.ts";
import type { Parameter } from "../parameter.ts";

export interface LinearOptions {
  /** Whether the layer has a bias. Default true. */
  bias?: boolean;
}

/**
 * `y = x Wᵀ + b` on [..., inFeatures], giving [..., outFeatures]. Weight and bias are initialised uniformly
 * in ±1/√inFeatures. Matches `torch.nn.Linear`.
 *
 * @example
 * ```ts
 * import { nn, zeros } from "wasmgrad";
 * console.log(new nn.Linear(4, 2).forward(zeros([3, 4])).shape); // [3, 2]
 * ```
 */
export class Linear extends Module {
  /** [outFeatures, inFeatures] */
  weight: Parameter;
  /** [outFeatures] */
  bias: Parameter | null;
  readonly inFeatures: number;
  readonly outFeatures: number;

  constructor(inFeatures: number, outFeatures: number, options?: LinearOptions) {
    super();
    const { bias } = readOptions("Linear", options, { bias: true });
    this.inFeatures = checkInteger("Linear", "inFeatures", inFeatures, 1);
    this.outFeatures = checkInteger("Linear", "outFeatures", outFeatures, 1);
    this.weight = emptyParameter([outFeatures, inFeatures]);
    this.bias = checkBoolean("Linear", "bias", bias) ? emptyParameter([outFeatures]) : null;
    this.resetParameters();
  }

  /** Initialises the parameters again. */
  resetParameters(): void {
    initWeightAndBias(this.weight, this.bias);
  }

  override forward(x: Tensor): Tensor {
    return linear(x, this.weight, this.bias);
  }

  override extraRepr(): string {
    return `inFeatures=${this.inFeatures}, outFeatures=${this.outFeatures}, bias=${this.bias !== null}`;
  }
}

/** Returns its input. Matches `torch.nn.Identity`. */
export class Identity extends Module {
  override forward(x: Tensor): Tensor {
    return x;
  }
}
