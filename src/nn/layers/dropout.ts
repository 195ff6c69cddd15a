import { checkNumber } from "../../checks.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { dropout, dropout2d } from "../functional/dropout.ts";
import { Module } from "../module.ts";

abstract class DropoutBase extends Module {
  /** Probability of setting an element or channel to 0. */
  readonly p: number;

  constructor(op: string, p: number) {
    super();
    this.p = checkNumber(op, "p", p, 0, 1);
  }

  override extraRepr(): string {
    return `p=${this.p}`;
  }
}

/**
 * In training, sets each element to 0 with probability p and divides the others by 1 − p. After `eval()` the
 * layer returns its input. Matches `torch.nn.Dropout`.
 *
 * @example
 * ```ts
 * import { nn, ones } from "wasmgrad";
 * const drop = new nn.Dropout(0.5);
 * console.log(drop.forward(ones([8])).toArray(), drop.eval().forward(ones([8])).toArray());
 * ```
 */
export class Dropout extends DropoutBase {
  constructor(p = 0.5) {
    super("Dropout", p);
  }

  override forward(x: Tensor): Tensor {
    return dropout(x, { p: this.p, training: this.training });
  }
}

/** Dropout of whole channels of [N, C, H, W] or [C, H, W]. Matches `torch.nn.Dropout2d`. */
export class Dropout2d extends DropoutBase {
  constructor(p = 0.5) {
    super("Dropout2d", p);
  }

  override forward(x: Tensor): Tensor {
    return dropout2d(x, { p: this.p, training: this.training });
  }
}
