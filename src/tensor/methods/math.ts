import { checkInteger, checkNumber, composed, readOptions } from "../../checks.ts";
import { MathFunction, NanToNum, type NanToNumOptions, WholeOrFraction } from "../../ops/elementwise/functions.ts";
import { Atan2, FloorDivide, Remainder } from "../../ops/elementwise/remainder.ts";
import { InverseErf, LogGamma, Polygamma } from "../../ops/elementwise/special.ts";
import { AddProduct, Lerp } from "../../ops/elementwise/ternary.ts";
import { StepFunction } from "../../ops/elementwise/unary.ts";
import { apply } from "../apply.ts";
import type { Tensor } from "../tensor.ts";
import { asTensor } from "./base.ts";
import { TensorCompare } from "./compare.ts";

const factor = (op: string, options: { value?: number } | undefined) => readOptions(op, options, { value: 1 }).value;

/** Further elementwise functions. */
export abstract class TensorMath extends TensorCompare {
  /** `log₂ x`. The error is at most 0.51 units in the last place. */
  log2(): Tensor {
    return apply(new MathFunction("log2"), this);
  }

  /** `log₁₀ x`. The error is at most 0.51 units in the last place. */
  log10(): Tensor {
    return apply(new MathFunction("log10"), this);
  }

  /** `2^x`. The error is at most 0.51 units in the last place. */
  exp2(): Tensor {
    return apply(new MathFunction("exp2"), this);
  }

  /** `tan x`, x in radians. The error is at most 4 units in the last place. */
  tan(): Tensor {
    return apply(new MathFunction("tan"), this);
  }

  /** The angle in [-π/2, π/2] whose sine is x; NaN outside [-1, 1]. */
  asin(): Tensor {
    return apply(new MathFunction("asin"), this);
  }

  /** The angle in [0, π] whose cosine is x; NaN outside [-1, 1]. */
  acos(): Tensor {
    return apply(new MathFunction("acos"), this);
  }

  /** The angle in [-π/2, π/2] whose tangent is x. */
  atan(): Tensor {
    return apply(new MathFunction("atan"), this);
  }

  /** The angle in [-π, π] of the point (other, x). Matches `torch.atan2`. */
  atan2(other: Tensor | number): Tensor {
    return apply(new Atan2(), this, other);
  }

  /** `(e^x - e^-x) / 2` */
  sinh(): Tensor {
    return apply(new MathFunction("sinh"), this);
  }

  /** `(e^x + e^-x) / 2` */
  cosh(): Tensor {
    return apply(new MathFunction("cosh"), this);
  }

  /** `x` rounded towards 0. The gradient is 0. */
  trunc(): Tensor {
    return apply(new WholeOrFraction("trunc"), this);
  }

  /** `x - trunc x` */
  frac(): Tensor {
    return apply(new WholeOrFraction("frac"), this);
  }

  /** The remainder of `x / other` with the sign of x, as C's fmod. Exact. Matches `torch.fmod`. */
  fmod(other: Tensor | number): Tensor {
    return apply(new Remainder("fmod"), this, other);
  }

  /**
   * The remainder of `x / other` with the sign of `other`, as Python's %. Matches `torch.remainder`.
   * @example
   * ```ts
   * import { tensor } from "wasmgrad";
   * const x = tensor([-3, 3]);
   * console.log(x.remainder(2).toArray(), x.fmod(2).toArray()); // [1, 1] [-1, 1]
   * ```
   */
  remainder(other: Tensor | number): Tensor {
    return apply(new Remainder("remainder"), this, other);
  }

  /** The largest integer up to `x / other`, as Python's //. No gradient. Matches `torch.floor_divide`. */
  floorDivide(other: Tensor | number): Tensor {
    return apply(new FloorDivide(), this, other);
  }

  /** `x + weight (end - x)`; all three broadcast. Matches `torch.lerp`. */
  lerp(end: Tensor | number, weight: Tensor | number): Tensor {
    return apply(new Lerp(), this, end, weight);
  }

  /** `x + value a b`; all three broadcast. `value` is a number, 1 by default. Matches `torch.addcmul`. */
  addcmul(a: Tensor, b: Tensor, options?: { value?: number }): Tensor {
    return apply(new AddProduct("addcmul", factor("addcmul", options)), this, a, b);
  }

  /** `x + value a / b`; all three broadcast. `value` is a number, 1 by default. Matches `torch.addcdiv`. */
  addcdiv(a: Tensor, b: Tensor, options?: { value?: number }): Tensor {
    return apply(new AddProduct("addcdiv", factor("addcdiv", options)), this, a, b);
  }

  /**
   * Replaces NaN by 0 and infinities by the largest and smallest float32, or all three by given numbers. The
   * gradient is 0 there. Matches `torch.nan_to_num`.
   */
  nanToNum(options?: NanToNumOptions): Tensor {
    return apply(new NanToNum(options), this);
  }

  /** The y with `erf y = x`: ±Infinity at ±1, NaN beyond. Matches `torch.erfinv`. */
  erfinv(): Tensor {
    return apply(new InverseErf(), this);
  }

  /**
   * `ln |Γ(x)|`: Infinity at 0, -1, -2, …. `Γ(n + 1) = n!`. Matches `torch.lgamma`.
   * @example
   * ```ts
   * import { tensor } from "wasmgrad";
   * console.log(tensor([5]).lgamma().exp().round().toArray()); // [24]
   * ```
   */
  lgamma(): Tensor {
    return apply(new LogGamma(), this);
  }

  /** `Γ'(x) / Γ(x)`, the derivative of `lgamma`: NaN at -1, -2, …. Matches `torch.digamma`. */
  digamma(): Tensor {
    return apply(new Polygamma("digamma", 0), this);
  }

  /**
   * Derivative n of `digamma`, for n from 0 to 33. Matches `torch.polygamma(n, x)`.
   * @throws OptionError for another n.
   */
  polygamma(n: number): Tensor {
    return apply(new Polygamma("polygamma", n), this);
  }

  /** `max(x, min)`. Matches `torch.clamp_min`. */
  clampMin(min: number): Tensor {
    return composed("clampMin", () => this.clamp({ min }));
  }

  /** `min(x, max)`. Matches `torch.clamp_max`. */
  clampMax(max: number): Tensor {
    return composed("clampMax", () => this.clamp({ max }));
  }

  /** `ln(x / (1 - x))`, with x clamped to [eps, 1 - eps] if `eps` is given. Matches `torch.logit`. */
  logit(options?: { eps?: number }): Tensor {
    const { eps } = readOptions("logit", options, { eps: -1 });
    checkNumber("logit", "eps", eps, -1, 0.5);
    const x = eps < 0 ? asTensor(this) : this.clamp({ min: eps, max: 1 - eps });
    return x.div(x.mul(-1).add(1)).log();
  }

  /** -1, 0 or 1 according to the sign of `x`; 0 for NaN. The gradient is 0. */
  sign(): Tensor {
    return apply(new StepFunction("sign"), this);
  }

  /** The largest integer `<= x`. The gradient is 0. */
  floor(): Tensor {
    return apply(new StepFunction("floor"), this);
  }

  /** The smallest integer `>= x`. The gradient is 0. */
  ceil(): Tensor {
    return apply(new StepFunction("ceil"), this);
  }

  /**
   * The nearest integer, or the nearest number with some decimals; halves round to even. The gradient is 0.
   * Matches `torch.round`.
   */
  round(options?: { decimals?: number }): Tensor {
    const rounded = (x: Tensor) => apply(new StepFunction("round"), x);
    if (!options) return rounded(asTensor(this));
    const { decimals } = readOptions("round", options, { decimals: 0 });
    checkInteger("round", "decimals", decimals, -38, 38);
    const scale = Number(`1e${Math.abs(decimals)}`);
    return decimals < 0 ? rounded(this.div(scale)).mul(scale) : rounded(this.mul(scale)).div(scale);
  }
}
