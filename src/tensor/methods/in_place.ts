import { gradEnabled } from "../../autograd/grad_mode.ts";
import { checkNumber, composed, readOptions } from "../../checks.ts";
import { AutogradError, DTypeError } from "../../errors.ts";
import { expectFloat, expectSameShape } from "../../ops/core/array.ts";
import { checkElement, fillWith } from "../../ops/elementwise/fill.ts";
import type { ClampOptions } from "../../ops/elementwise/unary.ts";
import { copyInto } from "../../ops/movement/copy.ts";
import { fillBernoulli, fillNormal, fillUniform } from "../../ops/random/draw.ts";
import { expectTensor } from "../apply.ts";
import { defaultGenerator, type Generator } from "../generator.ts";
import type { Tensor } from "../tensor.ts";
import { asTensor } from "./base.ts";
import type { DivOptions } from "./div.ts";
import { TensorHooks } from "./hooks.ts";
import { overwrite } from "./overwrite.ts";

function expectOverwritable(op: string, { handle }: TensorHooks): void {
  if (handle.node && gradEnabled) {
    throw new AutogradError(`${op}: an op made this tensor, and its gradient would be wrong; use noGrad() or detach()`);
  }
}

/** `alpha other` */
export function scaled(op: string, other: Tensor | number, options: { alpha?: number } | undefined): Tensor | number {
  const { alpha } = readOptions(op, options, { alpha: 1 });
  checkNumber(op, "alpha", alpha);
  if (alpha === 1) return other;
  if (typeof other === "number") return other * alpha;
  expectTensor(op, "other", other);
  return other.mul(alpha);
}

/** Methods that overwrite the values. As in PyTorch, their names end in an underscore. */
export abstract class TensorInPlace extends TensorHooks {
  /**
   * Overwrites the values with the values of `source`, which must have the same shape and dtype. Not
   * differentiable.
   */
  copy_(source: Tensor): this {
    expectTensor("copy_", "source", source);
    expectOverwritable("copy_", this);
    expectSameShape("copy_", "source", this.shape, source.shape);
    if (source.dtype !== this.dtype) throw new DTypeError(`copy_: expected ${this.dtype}, got ${source.dtype}`);
    copyInto(this.array, source.array);
    return this;
  }

  /** Overwrites the values with uniform random numbers in [low, high). Matches `Tensor.uniform_`. */
  uniform_(low = 0, high = 1, options?: { generator?: Generator }): this {
    const { generator } = readOptions("uniform_", options, { generator: defaultGenerator });
    checkNumber("uniform_", "low", low);
    checkNumber("uniform_", "high", high, low);
    expectOverwritable("uniform_", this);
    expectFloat("uniform_", this.array);
    fillUniform(this.array, generator.take(this.numel()), low, high - low);
    this.array.block.version++;
    return this;
  }

  /**
   * Overwrites the values with normal random numbers of the given mean and standard deviation. Matches
   * `Tensor.normal_`.
   */
  normal_(mean = 0, std = 1, options?: { generator?: Generator }): this {
    const { generator } = readOptions("normal_", options, { generator: defaultGenerator });
    checkNumber("normal_", "mean", mean);
    checkNumber("normal_", "std", std, 0);
    expectOverwritable("normal_", this);
    expectFloat("normal_", this.array);
    fillNormal(this.array, generator.take(this.numel()), mean, std);
    this.array.block.version++;
    return this;
  }

  /** Sets all values to `value`. Matches `Tensor.fill_`. */
  fill_(value: number): this {
    expectOverwritable("fill_", this);
    checkElement("fill_", "value", value, this.dtype);
    this.array.block.version++;
    fillWith(this.array, value);
    return this;
  }

  /** Sets all values to 0. Matches `Tensor.zero_`. */
  zero_(): this {
    return this.fill_(0);
  }

  /**
   * Overwrites the values with random ones and zeros; `p` is the probability of a one. Matches
   * `Tensor.bernoulli_`.
   */
  bernoulli_(p = 0.5, options?: { generator?: Generator }): this {
    const { generator } = readOptions("bernoulli_", options, { generator: defaultGenerator });
    checkNumber("bernoulli_", "p", p, 0, 1);
    expectOverwritable("bernoulli_", this);
    expectFloat("bernoulli_", this.array);
    this.array.block.version++;
    fillBernoulli(this.array, generator.take(this.numel()), p);
    return this;
  }

  /**
   * Overwrites the values with random numbers of the exponential distribution with the rate `lambda`, whose
   * mean is 1 / lambda. Matches `Tensor.exponential_`.
   */
  exponential_(lambda = 1, options?: { generator?: Generator }): this {
    checkNumber("exponential_", "lambda", lambda, Number.MIN_VALUE);
    // u in [2^-25, 1 - 2^-24], so that no result is 0 or infinite
    composed("exponential_", () => this.uniform_(2 ** -25, 1 - 2 ** -23, options));
    return overwrite("exponential_", this, () =>
      asTensor(this)
        .log()
        .mul(-1 / lambda),
    );
  }

  /**
   * `x += alpha other`, in place. Where a gradient is recorded, x becomes the sum; a leaf that requires a
   * gradient can be changed inside `noGrad` only. Matches `Tensor.add_`.
   * @throws AutogradError where a gradient would be wrong.
   * @example
   * ```ts
   * import { tensor } from "wasmgrad";
   * const x = tensor([1, 2]);
   * x.add_(1).mul_(10);
   * console.log(x.toArray()); // [20, 30]
   * ```
   */
  add_(other: Tensor | number, options?: { alpha?: number }): this {
    return overwrite("add_", this, () => asTensor(this).add(scaled("add_", other, options)));
  }

  /** `x -= alpha other`, in place: see `add_`. Matches `Tensor.sub_`. */
  sub_(other: Tensor | number, options?: { alpha?: number }): this {
    return overwrite("sub_", this, () => asTensor(this).sub(scaled("sub_", other, options)));
  }

  /** `x *= other`, in place: see `add_`. Matches `Tensor.mul_`. */
  mul_(other: Tensor | number): this {
    return overwrite("mul_", this, () => asTensor(this).mul(other));
  }

  /** `x /= other`, in place: see `add_`. Matches `Tensor.div_`. */
  div_(other: Tensor | number, options?: DivOptions): this {
    return overwrite("div_", this, () => asTensor(this).div(other, options));
  }

  /** `clamp`, in place: see `add_`. Matches `Tensor.clamp_`. */
  clamp_(min: number | null | ClampOptions, max?: number | null): this {
    return overwrite("clamp_", this, () => asTensor(this).clamp(min, max));
  }

  /** `maskedFill`, in place: see `add_`. Matches `Tensor.masked_fill_`. */
  maskedFill_(mask: Tensor, value: number): this {
    return overwrite("maskedFill_", this, () => asTensor(this).maskedFill(mask, value));
  }

  /** `addcmul`, in place: see `add_`. Matches `Tensor.addcmul_`. */
  addcmul_(a: Tensor, b: Tensor, options?: { value?: number }): this {
    return overwrite("addcmul_", this, () => asTensor(this).addcmul(a, b, options));
  }

  /** `addcdiv`, in place: see `add_`. Matches `Tensor.addcdiv_`. */
  addcdiv_(a: Tensor, b: Tensor, options?: { value?: number }): this {
    return overwrite("addcdiv_", this, () => asTensor(this).addcdiv(a, b, options));
  }

  /** `lerp`, in place: see `add_`. Matches `Tensor.lerp_`. */
  lerp_(end: Tensor | number, weight: Tensor | number): this {
    return overwrite("lerp_", this, () => asTensor(this).lerp(end, weight));
  }
}
