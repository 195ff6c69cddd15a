import { OptionError } from "../../errors.ts";
import { type BaseKernel, type Kernels, launch } from "../../runtime/kernels.ts";
import { type DType, ELEMENTWISE_GRAIN, empty, type NDArray, scalar } from "../core/array.ts";
import { broadcastShapes, rowLayout } from "../core/broadcast.ts";
import { type Attributes, type Gradients, NO_ATTRIBUTES, Op } from "../core/op.ts";
import { sumTo } from "../reduce/sum.ts";
import { castTo } from "./cast.ts";
import { type ArrayOrNumber, promote, refuseBool } from "./promote.ts";

/** The kernels of assembly/elementwise/binary.ts with two operands, identified by their ten parameters. */
type BinaryKernel = {
  [Name in BaseKernel]: Kernels[Name] extends Kernels["addFloat"]
    ? Parameters<Kernels[Name]>["length"] extends 10
      ? Name
      : never
    : never;
}[BaseKernel];

type ThreeOperandKernel =
  | "where"
  | "maximumGrad"
  | "minimumGrad"
  | "divGradDivisor"
  | "powGradBase"
  | "powGradExponent";

/** Runs a broadcasting kernel. */
export function combine(op: string, kernel: BinaryKernel, a: NDArray, b: NDArray, dtype: DType): NDArray {
  const out = empty(broadcastShapes(op, a.shape, b.shape), dtype);
  if (out.size === 0) return out;
  const { inner, steps, rank, table } = rowLayout(out.shape, out.size, [a, b]);
  launch(
    kernel,
    out.size,
    ELEMENTWISE_GRAIN,
    a.address,
    b.address,
    out.address,
    inner,
    steps[0],
    steps[1],
    rank,
    table,
  );
  return out;
}

/** Runs a broadcasting kernel of three operands; the result has the dtype of `a`. */
export function combineThree(op: string, kernel: ThreeOperandKernel, first: NDArray, a: NDArray, b: NDArray): NDArray {
  const out = empty(broadcastShapes(op, first.shape, a.shape, b.shape), a.dtype);
  if (out.size === 0) return out;
  const { inner, steps, rank, table } = rowLayout(out.shape, out.size, [first, a, b]);
  const [stepFirst, stepA, stepB] = steps;
  const addresses = [first.address, a.address, b.address, out.address] as const;
  launch(kernel, out.size, ELEMENTWISE_GRAIN, ...addresses, inner, stepFirst, stepA, stepB, rank, table);
  return out;
}

/**
 * `a * b`. If one operand is float32 and the other bool or int32, the kernel converts the latter, without a
 * separate pass.
 */
function multiply(a: NDArray, b: NDArray): NDArray {
  if (a.dtype !== b.dtype) {
    return a.dtype === "float32" ? combine("mul", "mulFloatByInt", a, b, "float32") : multiply(b, a);
  }
  return combine("mul", a.dtype === "float32" ? "mulFloat" : "mulInt", a, b, a.dtype);
}

function negate(x: NDArray): NDArray {
  return multiply(x, promote(-1, x)[0]);
}

/** An op on two operands that broadcast; either operand may be a number. */
export abstract class Binary extends Op {
  override readonly takesNumbers = true;
  /** The shapes of the operands; set by `forward`. */
  shapes: readonly [readonly number[], readonly number[]] = [[], []];

  get attributes(): Attributes {
    return NO_ATTRIBUTES;
  }

  forward(a: ArrayOrNumber, b: ArrayOrNumber): NDArray {
    const [x, y] = this.prepare(a, b);
    this.shapes = [x.shape, y.shape];
    return this.compute(x, y);
  }

  override backward(dy: NDArray): Gradients {
    return [
      this.needs[0] ? sumTo(this.gradA(dy), this.shapes[0]) : null,
      this.needs[1] ? sumTo(this.gradB(dy), this.shapes[1]) : null,
    ];
  }

  /** Converts the operands to dtypes that `compute` accepts. */
  protected prepare(a: ArrayOrNumber, b: ArrayOrNumber): [NDArray, NDArray] {
    return promote(a, b);
  }

  protected abstract compute(a: NDArray, b: NDArray): NDArray;
  /** The gradients before they are summed to the operands' shapes. */
  protected abstract gradA(dy: NDArray): NDArray;
  protected abstract gradB(dy: NDArray): NDArray;
}

/** `a + b`; `da = dy`, `db = dy`. For two bools: logical or. */
export class Add extends Binary {
  readonly name = "add";

  protected compute(a: NDArray, b: NDArray): NDArray {
    if (a.dtype === "bool") return combine(this.name, "maximumInt", a, b, "bool");
    return combine(this.name, a.dtype === "float32" ? "addFloat" : "addInt", a, b, a.dtype);
  }
  protected gradA(dy: NDArray): NDArray {
    return dy;
  }
  protected gradB(dy: NDArray): NDArray {
    return dy;
  }
}

/** `a - b`; `da = dy`, `db = -dy`. */
export class Sub extends Binary {
  readonly name = "sub";

  protected compute(a: NDArray, b: NDArray): NDArray {
    refuseBool(this.name, a);
    return combine(this.name, a.dtype === "float32" ? "subFloat" : "subInt", a, b, a.dtype);
  }
  protected gradA(dy: NDArray): NDArray {
    return dy;
  }
  protected gradB(dy: NDArray): NDArray {
    return negate(dy);
  }
}

/** `a b`; `da = dy b`, `db = dy a`. For two bools: logical and. */
export class Mul extends Binary {
  readonly name = "mul";

  protected override prepare(a: ArrayOrNumber, b: ArrayOrNumber): [NDArray, NDArray] {
    const arrays = typeof a !== "number" && typeof b !== "number";
    // with a float32 array, `multiply` needs no conversion
    return arrays && (a.dtype === "float32" || b.dtype === "float32") ? [a, b] : promote(a, b);
  }
  protected compute(a: NDArray, b: NDArray): NDArray {
    this.save(this.needs[1] ? a : null, this.needs[0] ? b : null);
    return multiply(a, b);
  }
  protected gradA(dy: NDArray): NDArray {
    return multiply(dy, this.saved[1] as NDArray);
  }
  protected gradB(dy: NDArray): NDArray {
    return multiply(dy, this.saved[0] as NDArray);
  }
}

/** `a / b` in float32; `da = dy / b`, `db = -dy a / b²`. */
export class Div extends Binary {
  readonly name = "div";

  protected override prepare(a: ArrayOrNumber, b: ArrayOrNumber): [NDArray, NDArray] {
    return promote(a, b, "float32");
  }
  protected compute(a: NDArray, b: NDArray): NDArray {
    this.save(this.needs[1] ? a : null, b);
    return combine(this.name, "divFloat", a, b, "float32");
  }
  protected gradA(dy: NDArray): NDArray {
    return combine(this.name, "divFloat", dy, this.saved[1] as NDArray, "float32");
  }
  protected gradB(dy: NDArray): NDArray {
    const [a, b] = this.saved as NDArray[];
    return combineThree(this.name, "divGradDivisor", dy, a, b);
  }
}

/** `max(a, b)`; the gradient goes to the larger, or half to each if they are equal. NaN if either is NaN. */
export class Maximum extends Binary {
  readonly name = "maximum";

  protected compute(a: NDArray, b: NDArray): NDArray {
    this.save(a, b);
    return combine(this.name, a.dtype === "float32" ? "maximumFloat" : "maximumInt", a, b, a.dtype);
  }
  protected gradA(dy: NDArray): NDArray {
    const [a, b] = this.saved as NDArray[];
    return combineThree(this.name, "maximumGrad", dy, a, b);
  }
  protected gradB(dy: NDArray): NDArray {
    const [a, b] = this.saved as NDArray[];
    return combineThree(this.name, "maximumGrad", dy, b, a);
  }
}

/** `min(a, b)`; the gradient goes to the smaller, or half to each if they are equal. NaN if either is NaN. */
export class Minimum extends Binary {
  readonly name = "minimum";

  protected compute(a: NDArray, b: NDArray): NDArray {
    this.save(a, b);
    return combine(this.name, a.dtype === "float32" ? "minimumFloat" : "minimumInt", a, b, a.dtype);
  }
  protected gradA(dy: NDArray): NDArray {
    const [a, b] = this.saved as NDArray[];
    return combineThree(this.name, "minimumGrad", dy, a, b);
  }
  protected gradB(dy: NDArray): NDArray {
    const [a, b] = this.saved as NDArray[];
    return combineThree(this.name, "minimumGrad", dy, b, a);
  }
}

/** `a^b`; `da = dy b a^(b-1)` (0 where b is 0), `db = dy a^b ln a` (0 where a is 0 and b >= 0). */
export class Pow extends Binary {
  readonly name = "pow";

  protected override prepare(a: ArrayOrNumber, b: ArrayOrNumber): [NDArray, NDArray] {
    const [x, y] = promote(a, b);
    refuseBool(this.name, x);
    if (x.dtype === "int32" && typeof b === "number" && b < 0) {
      throw new OptionError(`pow: int32 to a negative whole power (${b}) is not an integer; use .float() first`);
    }
    return [x, y];
  }
  protected compute(a: NDArray, b: NDArray): NDArray {
    this.save(a, b);
    return combine(this.name, a.dtype === "float32" ? "powFloat" : "powInt", a, b, a.dtype);
  }
  protected gradA(dy: NDArray): NDArray {
    const [a, b] = this.saved as NDArray[];
    return combineThree(this.name, "powGradBase", dy, a, b);
  }
  protected gradB(dy: NDArray): NDArray {
    const [a, b] = this.saved as NDArray[];
    return combineThree(this.name, "powGradExponent", dy, a, b);
  }
}

const COMPARISONS = {
  eq: { float: "eqFloat", int: "eqInt", swap: false },
  ne: { float: "neFloat", int: "neInt", swap: false },
  lt: { float: "ltFloat", int: "ltInt", swap: false },
  le: { float: "leFloat", int: "leInt", swap: false },
  gt: { float: "ltFloat", int: "ltInt", swap: true },
  ge: { float: "leFloat", int: "leInt", swap: true },
} as const;

export type Comparison = keyof typeof COMPARISONS;

/** Comparisons such as `a < b`. The result is bool and has no gradient. */
export class Compare extends Op {
  override readonly takesNumbers = true;
  readonly name: Comparison;

  constructor(name: Comparison) {
    super();
    this.name = name;
  }

  get attributes(): Attributes {
    return NO_ATTRIBUTES;
  }

  forward(a: ArrayOrNumber, b: ArrayOrNumber): NDArray {
    const { float, int, swap } = COMPARISONS[this.name];
    const [x, y] = promote(a, b);
    const kernel = x.dtype === "float32" ? float : int;
    return swap ? combine(this.name, kernel, y, x, "bool") : combine(this.name, kernel, x, y, "bool");
  }
}

// kernels that compute the logical functions of 0 and 1
const LOGICAL = { logicalAnd: "mulInt", logicalOr: "maximumInt", logicalXor: "neInt" } as const;

/** `a and b`, `a or b`, `a xor b`, where all numbers except 0 count as true; bool, no gradient. */
export class Logical extends Op {
  override readonly takesNumbers = true;
  readonly name: keyof typeof LOGICAL;

  constructor(name: keyof typeof LOGICAL) {
    super();
    this.name = name;
  }

  get attributes(): Attributes {
    return NO_ATTRIBUTES;
  }

  forward(a: ArrayOrNumber, b: ArrayOrNumber): NDArray {
    const [x, y] = [a, b].map((x) => castTo(typeof x === "number" ? scalar(x) : x, "bool"));
    return combine(this.name, LOGICAL[this.name], x, y, "bool");
  }
}
