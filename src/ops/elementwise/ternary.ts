import { checkNumber } from "../../checks.ts";
import { DTypeError } from "../../errors.ts";
import { launch } from "../../runtime/kernels.ts";
import { ELEMENTWISE_GRAIN, empty, type NDArray } from "../core/array.ts";
import { broadcastShapes, rowLayout } from "../core/broadcast.ts";
import { type Attributes, type Gradients, NO_ATTRIBUTES, Op } from "../core/op.ts";
import { sumTo } from "../reduce/sum.ts";
import { combine } from "./binary.ts";
import { type ArrayOrNumber, toArray } from "./promote.ts";

type Kernel = "lerp" | "addcmul" | "addcdiv";

/** Runs a broadcasting kernel of three operands and a number. */
function combineWith(kernel: Kernel, x: NDArray, a: NDArray, b: NDArray, value: number): NDArray {
  const out = empty(broadcastShapes(kernel, x.shape, a.shape, b.shape));
  if (out.size === 0) return out;
  const { inner, steps, rank, table } = rowLayout(out.shape, out.size, [x, a, b]);
  const [stepX, stepA, stepB] = steps;
  const addresses = [x.address, a.address, b.address, out.address] as const;
  launch(kernel, out.size, ELEMENTWISE_GRAIN, ...addresses, value, inner, stepX, stepA, stepB, rank, table);
  return out;
}

const multiply = (op: string, a: NDArray, b: NDArray) => combine(op, "mulFloat", a, b, "float32");

/** `x + w (end - x)`; `dx = dy (1 - w)`, `dend = dy w`, `dw = dy (end - x)`. */
export class Lerp extends Op {
  override readonly takesNumbers = true;
  readonly name = "lerp";

  get attributes(): Attributes {
    return NO_ATTRIBUTES;
  }

  forward(start: ArrayOrNumber, end: ArrayOrNumber, weight: ArrayOrNumber): NDArray {
    const [x, a, w] = [start, end, weight].map((operand) => toArray(operand, "float32"));
    this.save(x, a, w);
    return combineWith("lerp", x, a, w, 1);
  }

  override backward(dy: NDArray): Gradients {
    const [x, a, w] = this.saved as NDArray[];
    const subtract = (p: NDArray, q: NDArray) => combine(this.name, "subFloat", p, q, "float32");
    const gradient = (i: number, factor: () => NDArray, shape: readonly number[]) =>
      this.needs[i] ? sumTo(multiply(this.name, dy, factor()), shape) : null;
    return [
      gradient(0, () => subtract(toArray(1, "float32"), w), x.shape),
      gradient(1, () => w, a.shape),
      gradient(2, () => subtract(a, x), w.shape),
    ];
  }
}

/**
 * `x + value a b` or `x + value a / b`; `dx = dy`, and the gradients of a and b are those of the product or
 * quotient.
 */
export class AddProduct extends Op {
  readonly name: "addcmul" | "addcdiv";
  readonly #value: number;
  /** The shape of x; set by `forward`. */
  shape: readonly number[] = [];

  constructor(name: "addcmul" | "addcdiv", value: number) {
    super();
    this.name = name;
    this.#value = checkNumber(name, "value", value);
  }

  get attributes(): Attributes {
    return { value: this.#value };
  }

  forward(x: NDArray, a: NDArray, b: NDArray): NDArray {
    for (const { dtype } of [x, a, b]) {
      if (dtype !== "float32") throw new DTypeError(`${this.name}: expected float32, got ${dtype}; use .float()`);
    }
    this.shape = x.shape;
    this.save(a, b);
    return combineWith(this.name, x, a, b, this.#value);
  }

  override backward(dy: NDArray): Gradients {
    const [a, b] = this.saved as NDArray[];
    const scaled = multiply(this.name, dy, toArray(this.#value, "float32"));
    const divide = (p: NDArray, q: NDArray) => combine(this.name, "divFloat", p, q, "float32");
    const isProduct = this.name === "addcmul";
    const gradA = () => (isProduct ? multiply(this.name, scaled, b) : divide(scaled, b));
    const gradB = () => {
      if (isProduct) return multiply(this.name, scaled, a);
      const quotient = divide(divide(multiply(this.name, scaled, a), b), b);
      return multiply(this.name, quotient, toArray(-1, "float32"));
    };
    return [
      this.needs[0] ? sumTo(dy, this.shape) : null,
      this.needs[1] ? sumTo(gradA(), a.shape) : null,
      this.needs[2] ? sumTo(gradB(), b.shape) : null,
    ];
  }
}
