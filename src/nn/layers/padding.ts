import { checkInteger, checkNumber, describe } from "../../checks.ts";
import { formatShape, OptionError, ShapeError } from "../../errors.ts";
import type { PadOptions } from "../../ops/movement/pad.ts";
import { expectTensor } from "../../tensor/apply.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { pad } from "../functional/pad.ts";
import { formatPair } from "../internal/describe.ts";
import { Module } from "../module.ts";

/** Base of the padding layers. `padding`: one number for all sides, or `[left, right, top, bottom, …]`. */
abstract class Padding extends Module {
  readonly padding: readonly number[];
  readonly #dims: number;
  readonly #options: PadOptions;

  constructor(op: string, dims: number, padding: number | readonly number[], options: PadOptions) {
    super();
    const list = Array.isArray(padding) ? [...padding] : Array.from({ length: 2 * dims }, () => padding as number);
    if (list.length !== 2 * dims) {
      throw new OptionError(`${op}: padding expected one integer or ${2 * dims}, got ${describe(padding)}`);
    }
    this.padding = list.map((amount) => checkInteger(op, "padding", amount, -(2 ** 31)));
    this.#dims = dims;
    this.#options = options;
  }

  override forward(x: Tensor): Tensor {
    const op = this.constructor.name;
    expectTensor(op, "x", x);
    if (x.dim() !== this.#dims + 1 && x.dim() !== this.#dims + 2) {
      const axes = ["D,", "H,", ""].slice(3 - this.#dims).join("");
      throw new ShapeError(`${op}: expected [N,C,${axes}W] or [C,${axes}W], got ${formatShape(x.shape)}`);
    }
    return pad(x, this.padding, this.#options);
  }

  override extraRepr(): string {
    return formatPair(this.padding);
  }
}

type Amount = number | readonly number[];

const value = (op: string, given: number): PadOptions => ({ value: checkNumber(op, "value", given) });

/** Pads [N,C,W] or [C,W] with a value. Matches `torch.nn.ConstantPad1d`. */
export class ConstantPad1d extends Padding {
  constructor(padding: Amount, given: number) {
    super("ConstantPad1d", 1, padding, value("ConstantPad1d", given));
  }
}

/**
 * Pads [N,C,H,W] or [C,H,W] with a value. Matches `torch.nn.ConstantPad2d`.
 *
 * @param padding one number for all sides, or [left, right, top, bottom]
 * @example
 * ```ts
 * import { nn, zeros } from "wasmgrad";
 * console.log(new nn.ConstantPad2d([1, 0, 0, 0], 7).forward(zeros([1, 1, 2])).toArray()); // [[[7, 0, 0]]]
 * ```
 */
export class ConstantPad2d extends Padding {
  constructor(padding: Amount, given: number) {
    super("ConstantPad2d", 2, padding, value("ConstantPad2d", given));
  }
}

/** Pads [N,C,D,H,W] or [C,D,H,W] with a value. Matches `torch.nn.ConstantPad3d`. */
export class ConstantPad3d extends Padding {
  constructor(padding: Amount, given: number) {
    super("ConstantPad3d", 3, padding, value("ConstantPad3d", given));
  }
}

/** Pads [N,C,W] or [C,W] with zeros. Matches `torch.nn.ZeroPad1d`. */
export class ZeroPad1d extends Padding {
  constructor(padding: Amount) {
    super("ZeroPad1d", 1, padding, {});
  }
}

/** Pads [N,C,H,W] or [C,H,W] with zeros. Matches `torch.nn.ZeroPad2d`. */
export class ZeroPad2d extends Padding {
  constructor(padding: Amount) {
    super("ZeroPad2d", 2, padding, {});
  }
}

/** Pads [N,C,D,H,W] or [C,D,H,W] with zeros. Matches `torch.nn.ZeroPad3d`. */
export class ZeroPad3d extends Padding {
  constructor(padding: Amount) {
    super("ZeroPad3d", 3, padding, {});
  }
}

/** Pads [N,C,W] or [C,W] by reflection at its ends. Matches `torch.nn.ReflectionPad1d`. */
export class ReflectionPad1d extends Padding {
  constructor(padding: Amount) {
    super("ReflectionPad1d", 1, padding, { mode: "reflect" });
  }
}

/** Pads [N,C,H,W] or [C,H,W] by reflection at its ends. Matches `torch.nn.ReflectionPad2d`. */
export class ReflectionPad2d extends Padding {
  constructor(padding: Amount) {
    super("ReflectionPad2d", 2, padding, { mode: "reflect" });
  }
}

/** Pads [N,C,D,H,W] or [C,D,H,W] by reflection at its ends. Matches `torch.nn.ReflectionPad3d`. */
export class ReflectionPad3d extends Padding {
  constructor(padding: Amount) {
    super("ReflectionPad3d", 3, padding, { mode: "reflect" });
  }
}

/** Pads [N,C,W] or [C,W] with its outermost elements. Matches `torch.nn.ReplicationPad1d`. */
export class ReplicationPad1d extends Padding {
  constructor(padding: Amount) {
    super("ReplicationPad1d", 1, padding, { mode: "replicate" });
  }
}

/** Pads [N,C,H,W] or [C,H,W] with its outermost elements. Matches `torch.nn.ReplicationPad2d`. */
export class ReplicationPad2d extends Padding {
  constructor(padding: Amount) {
    super("ReplicationPad2d", 2, padding, { mode: "replicate" });
  }
}

/** Pads [N,C,D,H,W] or [C,D,H,W] with its outermost elements. Matches `torch.nn.ReplicationPad3d`. */
export class ReplicationPad3d extends Padding {
  constructor(padding: Amount) {
    super("ReplicationPad3d", 3, padding, { mode: "replicate" });
  }
}

/** Pads [N,C,W] or [C,W] with the elements of the opposite end. Matches `torch.nn.CircularPad1d`. */
export class CircularPad1d extends Padding {
  constructor(padding: Amount) {
    super("CircularPad1d", 1, padding, { mode: "circular" });
  }
}

/** Pads [N,C,H,W] or [C,H,W] with the elements of the opposite end. Matches `torch.nn.CircularPad2d`. */
export class CircularPad2d extends Padding {
  constructor(padding: Amount) {
    super("CircularPad2d", 2, padding, { mode: "circular" });
  }
}

/** Pads [N,C,D,H,W] or [C,D,H,W] with the elements of the opposite end. Matches `torch.nn.CircularPad3d`. */
export class CircularPad3d extends Padding {
  constructor(padding: Amount) {
    super("CircularPad3d", 3, padding, { mode: "circular" });
  }
}
