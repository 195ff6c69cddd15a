import { gradEnabled } from "../../autograd/grad_mode.ts";
import { checkNumber, readOptions } from "../../checks.ts";
import { AutogradError, DTypeError } from "../../errors.ts";
import { expectFloat, expectSameShape } from "../../ops/core/array.ts";
import { copyInto } from "../../ops/movement/copy.ts";
import { fillNormal, fillUniform } from "../../ops/random/draw.ts";
import { expectTensor } from "../apply.ts";
import { defaultGenerator, type Generator } from "../generator.ts";
import type { Tensor } from "../tensor.ts";
import { TensorValues } from "./values.ts";

function expectOverwritable(op: string, { handle }: TensorValues): void {
  if (handle.node && gradEnabled) {
    throw new AutogradError(`${op}: an op made this tensor, and its gradient would be wrong; use noGrad() or detach()`);
  }
}

/**
 * Methods that overwrite the values. As in PyTorch, their names end in an underscore. They are not
 * differentiable.
 */
export abstract class TensorInPlace extends TensorValues {
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
}
