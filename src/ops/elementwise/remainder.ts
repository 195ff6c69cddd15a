import { OptionError } from "../../errors.ts";
import { kernels } from "../../runtime/kernels.ts";
import type { NDArray } from "../core/array.ts";
import { type Attributes, type Gradients, NO_ATTRIBUTES, Op } from "../core/op.ts";
import { sumTo } from "../reduce/sum.ts";
import { combine } from "./binary.ts";
import { type ArrayOrNumber, promote, refuseBool, toArray } from "./promote.ts";

/** Throws if an int32 array contains 0. */
function refuseZero(op: string, divisor: NDArray): void {
  if (kernels().hasZero(divisor.size, divisor.address)) {
    throw new OptionError(`${op}: int32 division by 0; use .float(), where the result is NaN or infinite`);
  }
}

const FLOAT = { fmod: "fmodFloat", remainder: "remainderFloat", floorDivide: "floorDivideFloat" } as const;
const INT = { fmod: "fmodInt", remainder: "remainderInt", floorDivide: "floorDivideInt" } as const;

/**
 * The rest of `a / b` with the sign of a (fmod) or of b (remainder). With the whole quotient q, which is
 * rounded towards 0 or down: `da = dy`, `db = -q dy`.
 */
export class Remainder extends Op {
  override readonly takesNumbers = true;
  readonly name: "fmod" | "remainder";
  /** The shapes of the operands; set by `forward`. */
  shapes: readonly [readonly number[], readonly number[]] = [[], []];

  constructor(name: "fmod" | "remainder") {
    super();
    this.name = name;
  }

  get attributes(): Attributes {
    return NO_ATTRIBUTES;
  }

  forward(a: ArrayOrNumber, b: ArrayOrNumber): NDArray {
    const [x, y] = promote(a, b);
    refuseBool(this.name, x);
    this.shapes = [x.shape, y.shape];
    if (x.dtype === "int32") {
      refuseZero(this.name, y);
      return combine(this.name, INT[this.name], x, y, "int32");
    }
    const r = combine(this.name, FLOAT[this.name], x, y, "float32");
    if (this.needs[1]) this.save(x, y, r);
    return r;
  }

  override backward(dy: NDArray): Gradients {
    const dA = this.needs[0] ? sumTo(dy, this.shapes[0]) : null;
    if (!this.needs[1]) return [dA, null];
    const [a, b, r] = this.saved as NDArray[];
    // (r - a) / b is -q
    const quotient = combine(this.name, "divFloat", combine(this.name, "subFloat", r, a, "float32"), b, "float32");
    return [dA, sumTo(combine(this.name, "mulFloat", dy, quotient, "float32"), this.shapes[1])];
  }
}

/** The largest integer up to `a / b`; no gradient. */
export class FloorDivide extends Op {
  override readonly takesNumbers = true;
  readonly name = "floorDivide";

  get attributes(): Attributes {
    return NO_ATTRIBUTES;
  }

  forward(a: ArrayOrNumber, b: ArrayOrNumber): NDArray {
    const [x, y] = promote(a, b);
    refuseBool(this.name, x);
    if (x.dtype === "float32") return combine(this.name, FLOAT.floorDivide, x, y, "float32");
    refuseZero(this.name, y);
    return combine(this.name, INT.floorDivide, x, y, "int32");
  }
}

/** The angle of the point (x, y); `dy = dout x / (x² + y²)`, `dx = -dout y / (x² + y²)`. */
export class Atan2 extends Op {
  override readonly takesNumbers = true;
  readonly name = "atan2";

  get attributes(): Attributes {
    return NO_ATTRIBUTES;
  }

  forward(y: ArrayOrNumber, x: ArrayOrNumber): NDArray {
    const [a, b] = [toArray(y, "float32"), toArray(x, "float32")];
    this.save(a, b);
    return combine(this.name, "atan2Float", a, b, "float32");
  }

  override backward(dout: NDArray): Gradients {
    const [y, x] = this.saved as [NDArray, NDArray];
    const multiply = (a: NDArray, b: NDArray) => combine(this.name, "mulFloat", a, b, "float32");
    const squares = combine(this.name, "addFloat", multiply(x, x), multiply(y, y), "float32");
    const share = combine(this.name, "divFloat", dout, squares, "float32");
    const minus = toArray(-1, "float32");
    return [
      this.needs[0] ? sumTo(multiply(share, x), y.shape) : null,
      this.needs[1] ? sumTo(multiply(multiply(share, y), minus), x.shape) : null,
    ];
  }
}
