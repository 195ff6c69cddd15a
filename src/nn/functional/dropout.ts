import { checkBoolean, checkNumber, readOptions } from "../../checks.ts";
import { formatShape, OptionError, ShapeError } from "../../errors.ts";
import { Dropout } from "../../ops/random/dropout.ts";
import { apply, expectTensor } from "../../tensor/apply.ts";
import { ones } from "../../tensor/fill.ts";
import { defaultGenerator, Generator } from "../../tensor/generator.ts";
import type { Tensor } from "../../tensor/tensor.ts";

export interface DropoutOptions {
  /** Probability of setting an element (or channel) to 0. Default 0.5. */
  p?: number;
  /** If false, x is returned unchanged. Default true. */
  training?: boolean;
  /** The random generator of the mask. Default: the default generator, seeded by `manualSeed()`. */
  generator?: Generator;
}

function readDropout(op: string, options: DropoutOptions | undefined): Required<DropoutOptions> {
  const defaults = { p: 0.5, training: true, generator: defaultGenerator };
  const { p, training, generator } = readOptions(op, options, defaults);
  checkNumber(op, "p", p, 0, 1);
  checkBoolean(op, "training", training);
  if (!(generator instanceof Generator)) throw new OptionError(`${op}: generator expected a Generator`);
  return { p, training, generator };
}

/**
 * Sets each element to 0 with probability `p` and divides the others by `1 - p`. Matches
 * `torch.nn.functional.dropout`, except that dropped elements are 0 even if they were NaN or infinite.
 *
 * @throws OptionError for p outside [0, 1].
 * @example
 * ```ts
 * import { nn, ones } from "wasmgrad";
 * console.log(nn.functional.dropout(ones([8]), { p: 0.25 }).toArray());
 * ```
 */
export function dropout(x: Tensor, options?: DropoutOptions): Tensor {
  const { p, training, generator } = readDropout("dropout", options);
  expectTensor("dropout", "x", x);
  if (!training || p === 0) return x;
  return apply(new Dropout(p, generator.take(x.numel())), x);
}

/**
 * Drops whole channels of x `[N,C,H,W]` or `[C,H,W]`. Matches `torch.nn.functional.dropout2d`.
 *
 * @throws OptionError for p outside [0, 1], ShapeError for another rank.
 * @example
 * ```ts
 * import { nn, ones } from "wasmgrad";
 * console.log(nn.functional.dropout2d(ones([1, 4, 2, 2])).sum([2, 3]).toArray()); // each 0 or 8
 * ```
 */
export function dropout2d(x: Tensor, options?: DropoutOptions): Tensor {
  const read = readDropout("dropout2d", options);
  expectTensor("dropout2d", "x", x);
  if (x.dim() !== 3 && x.dim() !== 4) {
    throw new ShapeError(`dropout2d: expected [N,C,H,W] or [C,H,W], got ${formatShape(x.shape)}`);
  }
  if (!read.training || read.p === 0) return x;
  return x.mul(dropout(ones([...x.shape.slice(0, -2), 1, 1]), read));
}
