import { launch } from "../wasm/kernels.ts";
import { ELEMENTWISE_GRAIN, emptyLike, type NDArray } from "./array.ts";
import { combine } from "./binary.ts";
import { castTo } from "./cast.ts";
import { type Gradients, Op } from "./op.ts";
import { toArray } from "./promote.ts";

/** What each function's derivative is computed from: its argument x or its result y. */
const SAVES = {
  relu: "y",
  gelu: "x",
  geluTanh: "x",
  silu: "x",
  sigmoid: "y",
  tanh: "y",
  exp: "y",
  expm1: "y",
  log: "x",
  log1p: "x",
  sqrt: "y",
  rsqrt: "y",
  reciprocal: "y",
  square: "x",
  sin: "x",
  cos: "x",
  erf: "x",
  abs: "x",
} as const;

export type UnaryName = keyof typeof SAVES;

/** Functions that take int32 to int32; the others make float32 of it first. */
const ON_INTEGERS: Partial<Record<string, (x: NDArray) => NDArray>> = {
  relu: (x) => combine("relu", "maximumInt", x, toArray(0, "int32"), "int32"),
  square: (x) => combine("square", "mulInt", x, x, "int32"),
  abs: (x) => combine("abs", "maximumInt", x, combine("abs", "subInt", toArray(0, "int32"), x, "int32"), "int32"),
};

/** `y = f(x)`; `dx = dy f'(x)`. The kernels are named `f` and `fGrad`. */
export class Unary extends Op {
  readonly name: UnaryName;

  constructor(name: UnaryName) {
    super();
    this.name = name;
  }

  forward(input: NDArray): NDArray {
    const onIntegers = input.dtype === "float32" ? undefined : ON_INTEGERS[this.name];
    if (onIntegers) return onIntegers(castTo(input, "int32"));
    const x = castTo(input, "float32");
    const y = emptyLike(x);
    launch(this.name, x.size, ELEMENTWISE_GRAIN, x.ptr, y.ptr);
    this.save(SAVES[this.name] === "x" ? x : y);
    return y;
  }

  override backward(dy: NDArray): Gradients {
    const [saved] = this.saved as [NDArray];
    const dx = emptyLike(dy);
    launch(`${this.name}Grad`, dy.size, ELEMENTWISE_GRAIN, dy.ptr, saved.ptr, dx.ptr);
    return [dx];
  }
}
