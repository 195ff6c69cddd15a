import { checkInteger, composed } from "../../checks.ts";
import { Elu, Gelu, LeakyRelu, Softplus as SoftplusOp } from "../../ops/elementwise/unary.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import {
  type EluOptions,
  elu,
  type GeluOptions,
  gelu,
  type LeakyReluOptions,
  leakyRelu,
  relu,
  type SoftplusOptions,
  sigmoid,
  silu,
  softplus,
  tanh,
} from "../functional/activation.ts";
import { logSoftmax, softmax } from "../functional/softmax.ts";
import { formatGiven } from "../internal/describe.ts";
import { Module } from "../module.ts";

// these constructors create an op only to check the options, so that errors occur here rather than in
// forward()

/** `max(x, 0)`. Matches `torch.nn.ReLU`. */
export class ReLU extends Module {
  override forward(x: Tensor): Tensor {
    return relu(x);
  }
}

/** `x > 0 ? x : negativeSlope · x`. Matches `torch.nn.LeakyReLU`: `negativeSlope` 0.01. */
export class LeakyReLU extends Module {
  readonly options: Readonly<LeakyReluOptions>;

  constructor(options?: LeakyReluOptions) {
    super();
    composed("LeakyReLU", () => new LeakyRelu(options));
    this.options = { negativeSlope: 0.01, ...options };
  }

  override forward(x: Tensor): Tensor {
    return leakyRelu(x, this.options);
  }

  override extraRepr(): string {
    return formatGiven(this.options);
  }
}

/** `x > 0 ? x : alpha (eˣ − 1)`. Matches `torch.nn.ELU`: `alpha` 1. */
export class ELU extends Module {
  readonly options: Readonly<EluOptions>;

  constructor(options?: EluOptions) {
    super();
    composed("ELU", () => new Elu(options));
    this.options = { alpha: 1, ...options };
  }

  override forward(x: Tensor): Tensor {
    return elu(x, this.options);
  }

  override extraRepr(): string {
    return formatGiven(this.options);
  }
}

/** `x Φ(x)`. Matches `torch.nn.GELU`: `approximate` "none" or "tanh". */
export class GELU extends Module {
  readonly options: Readonly<GeluOptions>;

  constructor(options?: GeluOptions) {
    super();
    composed("GELU", () => new Gelu(options));
    this.options = { approximate: "none", ...options };
  }

  override forward(x: Tensor): Tensor {
    return gelu(x, this.options);
  }

  override extraRepr(): string {
    return formatGiven(this.options);
  }
}

/** `x σ(x)`. Matches `torch.nn.SiLU`. */
export class SiLU extends Module {
  override forward(x: Tensor): Tensor {
    return silu(x);
  }
}

/** `1 / (1 + e⁻ˣ)`. Matches `torch.nn.Sigmoid`. */
export class Sigmoid extends Module {
  override forward(x: Tensor): Tensor {
    return sigmoid(x);
  }
}

/** `tanh x`. Matches `torch.nn.Tanh`. */
export class Tanh extends Module {
  override forward(x: Tensor): Tensor {
    return tanh(x);
  }
}

/**
 * `ln(1 + e^(beta x)) / beta`, or x itself where `beta x` exceeds `threshold`. Matches `torch.nn.Softplus`:
 * `beta` 1, `threshold` 20.
 */
export class Softplus extends Module {
  readonly options: Readonly<SoftplusOptions>;

  constructor(options?: SoftplusOptions) {
    super();
    composed("Softplus", () => new SoftplusOp(options));
    this.options = { beta: 1, threshold: 20, ...options };
  }

  override forward(x: Tensor): Tensor {
    return softplus(x, this.options);
  }

  override extraRepr(): string {
    return formatGiven(this.options);
  }
}

/** `softmax` over a dimension, which must be given. Matches `torch.nn.Softmax`. */
export class Softmax extends Module {
  readonly dim: number;

  constructor(dim: number) {
    super();
    this.dim = checkInteger("Softmax", "dim", dim, -(2 ** 31));
  }

  override forward(x: Tensor): Tensor {
    return softmax(x, this.dim);
  }

  override extraRepr(): string {
    return `dim=${this.dim}`;
  }
}

/** `log(softmax)` over a dimension, which must be given. Matches `torch.nn.LogSoftmax`. */
export class LogSoftmax extends Module {
  readonly dim: number;

  constructor(dim: number) {
    super();
    this.dim = checkInteger("LogSoftmax", "dim", dim, -(2 ** 31));
  }

  override forward(x: Tensor): Tensor {
    return logSoftmax(x, this.dim);
  }

  override extraRepr(): string {
    return `dim=${this.dim}`;
  }
}
