import { checkInteger, checkNumber, readOptions } from "../../checks.ts";
import { formatShape, ShapeError } from "../../errors.ts";
import { expectTensor } from "../../tensor/apply.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import {
  celu,
  glu,
  type HardtanhOptions,
  hardsigmoid,
  hardswish,
  hardtanh,
  logsigmoid,
  mish,
  prelu,
  readCelu,
  readHardtanh,
  relu6,
  selu,
  softsign,
} from "../functional/more_activation.ts";
import { softmax } from "../functional/softmax.ts";
import { constant_ } from "../init.ts";
import { emptyParameter } from "../internal/default_init.ts";
import { formatGiven } from "../internal/describe.ts";
import { Module } from "../module.ts";
import type { Parameter } from "../parameter.ts";

/** `min(max(x, 0), 6)`. Matches `torch.nn.ReLU6`. */
export class ReLU6 extends Module {
  override forward(x: Tensor): Tensor {
    return relu6(x);
  }
}

/** `min(max(x, minVal), maxVal)`. Matches `torch.nn.Hardtanh`: `minVal` -1, `maxVal` 1. */
export class Hardtanh extends Module {
  readonly options: Readonly<Required<HardtanhOptions>>;

  constructor(options?: HardtanhOptions) {
    super();
    this.options = readHardtanh("Hardtanh", options);
  }

  override forward(x: Tensor): Tensor {
    return hardtanh(x, this.options);
  }

  override extraRepr(): string {
    return formatGiven(this.options);
  }
}

/** `x min(max(x + 3, 0), 6) / 6`. Matches `torch.nn.Hardswish`. */
export class Hardswish extends Module {
  override forward(x: Tensor): Tensor {
    return hardswish(x);
  }
}

/** `min(max(x + 3, 0), 6) / 6`. Matches `torch.nn.Hardsigmoid`. */
export class Hardsigmoid extends Module {
  override forward(x: Tensor): Tensor {
    return hardsigmoid(x);
  }
}

/** `x tanh(ln(1 + eˣ))`. Matches `torch.nn.Mish`. */
export class Mish extends Module {
  override forward(x: Tensor): Tensor {
    return mish(x);
  }
}

/** `x / (1 + |x|)`. Matches `torch.nn.Softsign`. */
export class Softsign extends Module {
  override forward(x: Tensor): Tensor {
    return softsign(x);
  }
}

/** `scale (x > 0 ? x : alpha (eˣ − 1))`. Matches `torch.nn.SELU`; see `functional.selu`. */
export class SELU extends Module {
  override forward(x: Tensor): Tensor {
    return selu(x);
  }
}

/** `max(x, 0) + min(alpha (e^(x / alpha) − 1), 0)`. Matches `torch.nn.CELU`: `alpha` 1. */
export class CELU extends Module {
  readonly alpha: number;

  constructor(options?: { alpha?: number }) {
    super();
    this.alpha = readCelu("CELU", options);
  }

  override forward(x: Tensor): Tensor {
    return celu(x, { alpha: this.alpha });
  }

  override extraRepr(): string {
    return `alpha=${this.alpha}`;
  }
}

/** `ln(1 / (1 + e⁻ˣ))`. Matches `torch.nn.LogSigmoid`. */
export class LogSigmoid extends Module {
  override forward(x: Tensor): Tensor {
    return logsigmoid(x);
  }
}

/**
 * `x` where it is positive, else `weight x` with a learned weight. Matches `torch.nn.PReLU`.
 *
 * @param options `numParameters` 1 (or the number of channels), `init` 0.25
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * console.log(new nn.PReLU().forward(tensor([[-4, 4]])).toArray()); // [[-1, 4]]
 * ```
 */
export class PReLU extends Module {
  weight: Parameter;
  readonly init: number;

  constructor(options?: { numParameters?: number; init?: number }) {
    super();
    const { numParameters, init } = readOptions("PReLU", options, { numParameters: 1, init: 0.25 });
    this.init = checkNumber("PReLU", "init", init);
    this.weight = emptyParameter([checkInteger("PReLU", "numParameters", numParameters, 1)]);
    this.resetParameters();
  }

  /** Sets the weights to `init`. */
  resetParameters(): void {
    constant_(this.weight, this.init);
  }

  override forward(x: Tensor): Tensor {
    return prelu(x, this.weight);
  }

  override extraRepr(): string {
    return `numParameters=${this.weight.numel()}`;
  }
}

/** `a σ(b)` of the halves a and b of a dimension (default the last). Matches `torch.nn.GLU`. */
export class GLU extends Module {
  readonly dim: number;

  constructor(dim = -1) {
    super();
    this.dim = checkInteger("GLU", "dim", dim, -(2 ** 31));
  }

  override forward(x: Tensor): Tensor {
    return glu(x, this.dim);
  }

  override extraRepr(): string {
    return `dim=${this.dim}`;
  }
}

/** Softmax over the channels of [N,C,H,W] or [C,H,W]. Matches `torch.nn.Softmax2d`. */
export class Softmax2d extends Module {
  override forward(x: Tensor): Tensor {
    expectTensor("Softmax2d", "x", x);
    if (x.dim() !== 3 && x.dim() !== 4) {
      throw new ShapeError(`Softmax2d: expected [N,C,H,W] or [C,H,W], got ${formatShape(x.shape)}`);
    }
    return softmax(x, x.dim() - 3);
  }
}
