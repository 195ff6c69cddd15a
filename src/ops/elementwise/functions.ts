import { checkNumber, readOptions } from "../../checks.ts";
import { toJsonNumber } from "../../json_number.ts";
import { launch } from "../../runtime/kernels.ts";
import { ELEMENTWISE_GRAIN, emptyLike, type NDArray, zeros } from "../core/array.ts";
import { type Attributes, type Gradients, NO_ATTRIBUTES, Op } from "../core/op.ts";
import { cloneArray } from "../movement/copy.ts";
import { castTo } from "./cast.ts";

/** The array from which each function's derivative is computed: the argument x or the result y. */
const SAVES = {
  log2: "x",
  log10: "x",
  exp2: "y",
  tan: "y",
  asin: "x",
  acos: "x",
  atan: "x",
  sinh: "x",
  cosh: "x",
} as const;

export type MathName = keyof typeof SAVES;

/** `y = f(x)` in float32; `dx = dy f'(x)`. The kernels are named `f` and `fGrad`. */
export class MathFunction extends Op {
  readonly name: MathName;

  constructor(name: MathName) {
    super();
    this.name = name;
  }

  get attributes(): Attributes {
    return NO_ATTRIBUTES;
  }

  forward(input: NDArray): NDArray {
    const x = castTo(input, "float32");
    const y = emptyLike(x);
    launch(this.name, x.size, ELEMENTWISE_GRAIN, x.address, y.address);
    this.save(SAVES[this.name] === "x" ? x : y);
    return y;
  }

  override backward(dy: NDArray): Gradients {
    const [saved] = this.saved as [NDArray];
    const dx = emptyLike(dy);
    launch(`${this.name}Grad`, dy.size, ELEMENTWISE_GRAIN, dy.address, saved.address, dx.address);
    return [dx];
  }
}

/** `trunc x`, whose gradient is 0, and `frac x = x - trunc x`, whose gradient is dy. */
export class WholeOrFraction extends Op {
  readonly name: "trunc" | "frac";

  constructor(name: "trunc" | "frac") {
    super();
    this.name = name;
  }

  get attributes(): Attributes {
    return NO_ATTRIBUTES;
  }

  forward(input: NDArray): NDArray {
    if (input.dtype !== "float32" && this.name === "trunc") return cloneArray(castTo(input, "int32"));
    const x = castTo(input, "float32");
    const y = emptyLike(x);
    launch(this.name, x.size, ELEMENTWISE_GRAIN, x.address, y.address);
    return y;
  }

  override backward(dy: NDArray): Gradients {
    return [this.name === "frac" ? dy : zeros(dy.shape)];
  }
}

export interface NanToNumOptions {
  /** In place of NaN. Default 0. */
  nan?: number;
  /** In place of Infinity. Default: the largest float32. */
  posinf?: number;
  /** In place of -Infinity. Default: the smallest float32. */
  neginf?: number;
}

const LARGEST = 3.4028234663852886e38;

/** Replaces NaN and infinities by numbers; their gradient is 0. */
export class NanToNum extends Op {
  readonly name = "nanToNum";
  readonly #values: Required<NanToNumOptions>;

  constructor(options?: NanToNumOptions) {
    super();
    this.#values = readOptions("nanToNum", options, { nan: 0, posinf: LARGEST, neginf: -LARGEST });
    for (const [name, value] of Object.entries(this.#values)) {
      if (value !== Infinity && value !== -Infinity) checkNumber("nanToNum", name, value);
    }
  }

  get attributes(): Attributes {
    const { nan, posinf, neginf } = this.#values;
    return { nan: toJsonNumber(nan), posinf: toJsonNumber(posinf), neginf: toJsonNumber(neginf) };
  }

  forward(x: NDArray): NDArray {
    if (x.dtype !== "float32") return cloneArray(x);
    const y = emptyLike(x);
    const { nan, posinf, neginf } = this.#values;
    launch("nanToNum", x.size, ELEMENTWISE_GRAIN, x.address, y.address, nan, posinf, neginf);
    this.save(x);
    return y;
  }

  override backward(dy: NDArray): Gradients {
    const [x] = this.saved as [NDArray];
    const dx = emptyLike(dy);
    launch("nanToNumGrad", dy.size, ELEMENTWISE_GRAIN, dy.address, x.address, dx.address);
    return [dx];
  }
}
