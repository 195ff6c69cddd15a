import { checkBoolean, checkNumber, composed, readOptions } from "../../checks.ts";
import { isSameShape } from "../../ops/core/array.ts";
import { expectTensor } from "../apply.ts";
import type { Tensor } from "../tensor.ts";
import { asTensor } from "./base.ts";
import { TensorElementwise } from "./elementwise.ts";

/** Tolerances of `isclose` and `allclose`. */
export interface CloseOptions {
  /** Largest difference relative to `|other|`. Default 1e-5. */
  rtol?: number;
  /** Largest absolute difference. Default 1e-8. */
  atol?: number;
  /** Whether NaN counts as equal to NaN. Default false. */
  equalNan?: boolean;
}

/** Comparisons of whole tensors and tests of numbers. */
export abstract class TensorCompare extends TensorElementwise {
  /** True where `x` is infinite. Matches `torch.isinf`. */
  isinf(): Tensor {
    return this.abs().eq(Infinity);
  }

  /** The same as `isNaN`. Matches `torch.isnan`. */
  isnan(): Tensor {
    return this.isNaN();
  }

  /** The same as `isFinite`. Matches `torch.isfinite`. */
  isfinite(): Tensor {
    return this.isFinite();
  }

  /**
   * True where `|x - other| <= atol + rtol |other|`, and where both are the same infinity. Matches
   * `torch.isclose`.
   */
  isclose(other: Tensor, options?: CloseOptions): Tensor {
    expectTensor("isclose", "other", other);
    const { rtol, atol, equalNan } = readOptions<Required<CloseOptions>>("isclose", options, {
      rtol: 1e-5,
      atol: 1e-8,
      equalNan: false,
    });
    checkNumber("isclose", "rtol", rtol, 0);
    checkNumber("isclose", "atol", atol, 0);
    checkBoolean("isclose", "equalNan", equalNan);
    const [a, b] = [this.float(), other.float()];
    const allowed = b.abs().mul(rtol).add(atol);
    const difference = composed("isclose", () => a.sub(b));
    const close = difference.abs().le(allowed).logicalAnd(allowed.isFinite()).logicalOr(a.eq(b));
    return equalNan ? close.logicalOr(a.isNaN().logicalAnd(b.isNaN())) : close;
  }

  /**
   * Whether `isclose` is true of every element. Matches `torch.allclose`; `wasmgrad/testing` has a form that
   * throws and says where two tensors differ.
   * @example
   * ```ts
   * import { tensor } from "wasmgrad";
   * console.log(tensor([1, 2]).allclose(tensor([1, 2.00001]))); // true
   * ```
   */
  allclose(other: Tensor, options?: CloseOptions): boolean {
    expectTensor("allclose", "other", other);
    return (
      composed("allclose", () => this.isclose(other, options))
        .all()
        .item() === 1
    );
  }

  /** Whether both have the same shape and equal elements. Matches `torch.equal`. */
  equal(other: Tensor): boolean {
    expectTensor("equal", "other", other);
    if (!isSameShape(this.shape, other.shape)) return false;
    return asTensor(this).eq(other).all().item() === 1;
  }
}
