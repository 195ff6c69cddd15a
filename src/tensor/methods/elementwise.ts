import { checkChoice, isObject } from "../../checks.ts";
import { DTypeError, OptionError } from "../../errors.ts";
import type { DType } from "../../ops/core/array.ts";
import { Add, Compare, Div, Logical, Sub } from "../../ops/elementwise/binary.ts";
import { Cast } from "../../ops/elementwise/cast.ts";
import { Clamp, type ClampOptions, Unary } from "../../ops/elementwise/unary.ts";
import { Where } from "../../ops/elementwise/where.ts";
import { apply } from "../apply.ts";
import * as elementwise from "../elementwise.ts";
import { maximum, minimum, mul, pow } from "../functions.ts";
import type { Tensor } from "../tensor.ts";
import { asTensor } from "./base.ts";
import { type DivOptions, divRounded } from "./div.ts";
import { scaled, TensorInPlace } from "./in_place.ts";

/**
 * Arithmetic, comparisons, casts and elementwise functions.
 *
 * Operands broadcast as in NumPy. The result has the larger dtype, where bool < int32 < float32. An int32
 * tensor and an integer give int32; an int32 tensor and any other number give float32.
 */
export abstract class TensorElementwise extends TensorInPlace {
  /** `x + alpha other`; `alpha` is 1 by default. Matches `torch.add`. */
  add(other: Tensor | number, options?: { alpha?: number }): Tensor {
    return apply(new Add(), this, options ? scaled("add", other, options) : other);
  }

  /** `x - alpha other`; `alpha` is 1 by default. Matches `torch.sub`. */
  sub(other: Tensor | number, options?: { alpha?: number }): Tensor {
    return apply(new Sub(), this, options ? scaled("sub", other, options) : other);
  }

  /**
   * `x * other`. Matches `torch.mul`. A bool mask is applied in one pass.
   * @example
   * ```ts
   * import { tensor } from "wasmgrad";
   * const x = tensor([[1, 2], [3, 4]]);
   * console.log(x.mul(x.gt(2)).toArray()); // [[0, 0], [3, 4]]
   * ```
   */
  mul(other: Tensor | number): Tensor {
    return mul(asTensor(this), other);
  }

  /**
   * `x / other` in float32. With `roundingMode` "floor" or "trunc" it is rounded down or towards zero, and of
   * integers it is int32. Matches `torch.div`.
   * @example
   * ```ts
   * import { tensor } from "wasmgrad";
   * const x = tensor([7, -7], { dtype: "int32" });
   * console.log(x.div(2).toArray(), x.div(2, { roundingMode: "trunc" }).toArray()); // [3.5, -3.5] [3, -3]
   * ```
   */
  div(other: Tensor | number, options?: DivOptions): Tensor {
    return options ? divRounded(asTensor(this), other, options) : apply(new Div(), this, other);
  }

  /**
   * `x ^ exponent`. Matches `torch.pow`, including special values. Raising an int32 tensor to a negative
   * integer throws an OptionError.
   */
  pow(exponent: Tensor | number): Tensor {
    return pow(asTensor(this), exponent);
  }

  /**
   * The larger of `x` and `other`; NaN if either is NaN. Equal values get half the gradient each. Matches
   * `torch.maximum`.
   */
  maximum(other: Tensor | number): Tensor {
    return maximum(asTensor(this), other);
  }

  /**
   * The smaller of `x` and `other`; NaN if either is NaN. Equal values get half the gradient each. Matches
   * `torch.minimum`.
   */
  minimum(other: Tensor | number): Tensor {
    return minimum(asTensor(this), other);
  }

  /** `x` where `condition` (bool) is true, `other` elsewhere. Matches `Tensor.where`. */
  where(condition: Tensor, other: Tensor | number): Tensor {
    return apply(new Where(), condition, this, other);
  }

  /** `x = other` as bool. Matches `torch.eq`. */
  eq(other: Tensor | number): Tensor {
    return elementwise.eq(asTensor(this), other);
  }

  /** `x != other` as bool. Matches `torch.ne`. */
  ne(other: Tensor | number): Tensor {
    return elementwise.ne(asTensor(this), other);
  }

  /** `x < other` as bool. Matches `torch.lt`. */
  lt(other: Tensor | number): Tensor {
    return elementwise.lt(asTensor(this), other);
  }

  /** `x <= other` as bool. Matches `torch.le`. */
  le(other: Tensor | number): Tensor {
    return elementwise.le(asTensor(this), other);
  }

  /** `x > other` as bool. Matches `torch.gt`. */
  gt(other: Tensor | number): Tensor {
    return elementwise.gt(asTensor(this), other);
  }

  /** `x >= other` as bool. Matches `torch.ge`. */
  ge(other: Tensor | number): Tensor {
    return elementwise.ge(asTensor(this), other);
  }

  /** `x and other` as bool; every number except 0 counts as true. */
  logicalAnd(other: Tensor | number): Tensor {
    return apply(new Logical("logicalAnd"), this, other);
  }

  /** `x or other` as bool; every number except 0 counts as true. */
  logicalOr(other: Tensor | number): Tensor {
    return apply(new Logical("logicalOr"), this, other);
  }

  /** `x xor other` as bool; every number except 0 counts as true. */
  logicalXor(other: Tensor | number): Tensor {
    return apply(new Logical("logicalXor"), this, other);
  }

  /** `not x` as bool. */
  logicalNot(): Tensor {
    return this.eq(0);
  }

  /** True where `x` is NaN. */
  isNaN(): Tensor {
    return apply(new Compare("ne"), this, this);
  }

  /** True where `x` is neither infinite nor NaN. */
  isFinite(): Tensor {
    return this.abs().lt(Infinity);
  }

  /**
   * `x` converted to another dtype, or `x` itself if it already has that dtype. Conversion to int32 rounds
   * towards 0; values out of range become the nearest int32, and NaN becomes 0 (in PyTorch this depends on
   * the machine). Conversion to bool is `x != 0`, so NaN is true.
   */
  to(dtype: DType): Tensor {
    checkChoice("to", "dtype", dtype, ["float32", "int32", "bool"]);
    return dtype === this.dtype ? asTensor(this) : apply(new Cast(dtype), this);
  }

  /** `to("float32")` */
  float(): Tensor {
    return this.to("float32");
  }

  /**
   * Not available: float32 is the only floating-point type.
   * @throws DTypeError always.
   */
  half(): never {
    throw new DTypeError("half: expected float32, the only floating-point type here, got float16: use float()");
  }

  /**
   * Not available: float32 is the only floating-point type.
   * @throws DTypeError always.
   */
  double(): never {
    throw new DTypeError("double: expected float32, the only floating-point type here, got float64: use float()");
  }

  /** `to("int32")` */
  int(): Tensor {
    return this.to("int32");
  }

  /** `to("bool")` */
  bool(): Tensor {
    return this.to("bool");
  }

  /** `-x` */
  neg(): Tensor {
    return elementwise.neg(asTensor(this));
  }

  /** `|x|` */
  abs(): Tensor {
    return elementwise.abs(asTensor(this));
  }

  /** `e^x` */
  exp(): Tensor {
    return elementwise.exp(asTensor(this));
  }

  /** `e^x - 1`, without cancellation near 0 */
  expm1(): Tensor {
    return apply(new Unary("expm1"), this);
  }

  /** `ln x` */
  log(): Tensor {
    return elementwise.log(asTensor(this));
  }

  /** `ln(1 + x)`, without cancellation near 0 */
  log1p(): Tensor {
    return apply(new Unary("log1p"), this);
  }

  /** `sqrt x` */
  sqrt(): Tensor {
    return elementwise.sqrt(asTensor(this));
  }

  /** `1 / sqrt x` */
  rsqrt(): Tensor {
    return apply(new Unary("rsqrt"), this);
  }

  /** `1 / x` */
  reciprocal(): Tensor {
    return apply(new Unary("reciprocal"), this);
  }

  /** `x^2` */
  square(): Tensor {
    return elementwise.square(asTensor(this));
  }

  /** `sin x`, x in radians. The error is at most 1.6 units in the last place for any finite x. */
  sin(): Tensor {
    return elementwise.sin(asTensor(this));
  }

  /** `cos x`, x in radians. The error is at most 1.6 units in the last place for any finite x. */
  cos(): Tensor {
    return elementwise.cos(asTensor(this));
  }

  /** `2 / sqrt(pi) times the integral of e^(-t^2) from 0 to x` */
  erf(): Tensor {
    return apply(new Unary("erf"), this);
  }

  /** `max(x, 0)` */
  relu(): Tensor {
    return elementwise.relu(asTensor(this));
  }

  /** `1 / (1 + e^-x)` */
  sigmoid(): Tensor {
    return elementwise.sigmoid(asTensor(this));
  }

  /** `(e^x - e^-x) / (e^x + e^-x)` */
  tanh(): Tensor {
    return elementwise.tanh(asTensor(this));
  }

  /**
   * `min(max(x, min), max)`, of `clamp(min, max)` or `clamp({ min, max })`; NaN stays NaN. Either bound may
   * be omitted. The gradient is 1 strictly between the bounds, and 0 at the bounds, outside them and at
   * NaN. Matches `torch.clamp` of PyTorch 2.15 (in older versions, the gradient at the bounds is 1). The
   * result of an int32 tensor is int32 if the bounds fit in int32, otherwise float32.
   * @example
   * ```ts
   * import { tensor } from "wasmgrad";
   * const x = tensor([-2, 0.5, 2]);
   * console.log(x.clamp(0, 1).toArray(), x.clamp({ min: 0 }).toArray()); // [0, 0.5, 1] [0, 0.5, 2]
   * ```
   */
  clamp(min: number | null | ClampOptions, max?: number | null): Tensor {
    const bounds = isObject(min) ? min : { min, max };
    if (isObject(min) && max !== undefined) throw new OptionError("clamp: expected options or two bounds, got both");
    return apply(new Clamp(bounds as ClampOptions), this);
  }
}
