import { checkChoice, checkNumber, describe, readOptions } from "../../checks.ts";
import { OptionError } from "../../errors.ts";
import { toJsonNumber } from "../../json_number.ts";
import { launch } from "../../runtime/kernels.ts";
import { ELEMENTWISE_GRAIN, emptyLike, type NDArray, scalar, zeros } from "../core/array.ts";
import { type Attributes, type Gradients, NO_ATTRIBUTES, Op } from "../core/op.ts";
import { cloneArray } from "../movement/copy.ts";
import { combine } from "./binary.ts";
import { castTo } from "./cast.ts";
import { INT32_MAX, INT32_MIN } from "./promote.ts";

/** The array from which each function's derivative is computed: the argument x or the result y. */
const SAVES = {
  relu: "y",
  leakyRelu: "x",
  elu: "x",
  gelu: "x",
  geluTanh: "x",
  silu: "x",
  softplus: "x",
  sigmoid: "y",
  tanh: "y",
  clamp: "x",
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
  mish: "x",
  hardswish: "x",
  hardsigmoid: "x",
  softsign: "x",
} as const;

export type UnaryName = keyof typeof SAVES;

const zeroInt = () => scalar(0, "int32");
const intMaximum = (x: NDArray, y: NDArray) => combine("maximum", "maximumInt", x, y, "int32");
const intMinimum = (x: NDArray, y: NDArray) => combine("minimum", "minimumInt", x, y, "int32");

/** Functions that map int32 to int32; the others convert it to float32 first. */
const ON_INTEGERS: Partial<Record<string, (x: NDArray) => NDArray>> = {
  relu: (x) => intMaximum(x, zeroInt()),
  square: (x) => combine("square", "mulInt", x, x, "int32"),
  abs: (x) => intMaximum(x, combine("abs", "subInt", zeroInt(), x, "int32")),
  sign: (x) => intMinimum(intMaximum(x, scalar(-1, "int32")), scalar(1, "int32")),
  floor: cloneArray,
  ceil: cloneArray,
  round: cloneArray,
};

/** `y = f(x)`; `dx = dy f'(x)`. The kernels are named `f` and `fGrad`; parameters come last. */
export class Unary extends Op {
  readonly name: UnaryName;
  protected readonly parameters: readonly number[];

  constructor(name: UnaryName, ...parameters: number[]) {
    super();
    this.name = name;
    this.parameters = parameters;
  }

  get attributes(): Attributes {
    return NO_ATTRIBUTES;
  }

  forward(input: NDArray): NDArray {
    const onIntegers = input.dtype === "float32" ? undefined : ON_INTEGERS[this.name];
    if (onIntegers) return onIntegers(castTo(input, "int32"));
    const x = castTo(input, "float32");
    const y = emptyLike(x);
    // each function's constructor passes the right parameters, but the types here declare none
    const parameters = this.parameters as [];
    launch(this.name as "exp", x.size, ELEMENTWISE_GRAIN, x.address, y.address, ...parameters);
    this.save(SAVES[this.name] === "x" ? x : y);
    return y;
  }

  override backward(dy: NDArray): Gradients {
    const [saved] = this.saved as [NDArray];
    const dx = emptyLike(dy);
    const kernel = `${this.name}Grad` as "expGrad";
    launch(kernel, dy.size, ELEMENTWISE_GRAIN, dy.address, saved.address, dx.address, ...(this.parameters as []));
    return [dx];
  }
}

/** A function that is constant between steps: its gradient is 0. */
export class StepFunction extends Op {
  readonly name: "floor" | "ceil" | "round" | "sign";

  constructor(name: "floor" | "ceil" | "round" | "sign") {
    super();
    this.name = name;
  }

  get attributes(): Attributes {
    return NO_ATTRIBUTES;
  }

  forward(x: NDArray): NDArray {
    const onIntegers = ON_INTEGERS[this.name];
    if (x.dtype !== "float32" && onIntegers) return onIntegers(castTo(x, "int32"));
    const y = emptyLike(x);
    launch(this.name, x.size, ELEMENTWISE_GRAIN, x.address, y.address);
    return y;
  }

  override backward(dy: NDArray): Gradients {
    return [zeros(dy.shape)];
  }
}

export interface LeakyReluOptions {
  /** The slope below 0. Default 0.01. */
  negativeSlope?: number;
}

/** `x > 0 ? x : negativeSlope x` */
export class LeakyRelu extends Unary {
  constructor(options?: LeakyReluOptions) {
    const { negativeSlope } = readOptions("leakyRelu", options, { negativeSlope: 0.01 });
    super("leakyRelu", checkNumber("leakyRelu", "negativeSlope", negativeSlope));
  }

  override get attributes(): Attributes {
    return { negativeSlope: this.parameters[0] };
  }
}

export interface EluOptions {
  /** The result tends to `-alpha` for large negative x. Default 1. */
  alpha?: number;
}

/** `x > 0 ? x : alpha (e^x - 1)` */
export class Elu extends Unary {
  constructor(options?: EluOptions) {
    super("elu", checkNumber("elu", "alpha", readOptions("elu", options, { alpha: 1 }).alpha));
  }

  override get attributes(): Attributes {
    return { alpha: this.parameters[0] };
  }
}

export interface GeluOptions {
  /** "none" (the default): the exact normal distribution function; "tanh": its usual approximation. */
  approximate?: "none" | "tanh";
}

/** `x Φ(x)` */
export class Gelu extends Unary {
  constructor(options?: GeluOptions) {
    const { approximate } = readOptions<Required<GeluOptions>>("gelu", options, { approximate: "none" });
    super(checkChoice("gelu", "approximate", approximate, ["none", "tanh"]) === "tanh" ? "geluTanh" : "gelu");
  }

  override get attributes(): Attributes {
    return { approximate: this.name === "geluTanh" ? "tanh" : "none" };
  }
}

export interface SoftplusOptions {
  /** Sharpness of the bend. Default 1. */
  beta?: number;
  /** Where `beta x` is above the threshold, the result is x. Default 20. */
  threshold?: number;
}

/** `ln(1 + e^(beta x)) / beta` */
export class Softplus extends Unary {
  constructor(options?: SoftplusOptions) {
    const { beta, threshold } = readOptions("softplus", options, { beta: 1, threshold: 20 });
    if (beta === 0) throw new OptionError("softplus: beta expected a number other than 0, got 0");
    super("softplus", checkNumber("softplus", "beta", beta), checkNumber("softplus", "threshold", threshold));
  }

  override get attributes(): Attributes {
    const [beta, threshold] = this.parameters;
    return { beta, threshold };
  }
}

export interface ClampOptions {
  /** Lower bound; -Infinity is allowed. Default: none. */
  min?: number;
  /** Upper bound, which takes precedence if it is below `min`. Default: none. */
  max?: number;
}

/** `min(max(x, options.min), options.max)`. The result of int32 is int32 if the bounds fit in int32. */
export class Clamp extends Unary {
  readonly #bounds: [number | null, number | null];

  constructor(options: ClampOptions) {
    const none = null as number | null;
    const { min, max } = readOptions("clamp", options as { min?: number | null }, { min: none, max: none });
    for (const bound of [min, max]) {
      if (bound === null || (typeof bound === "number" && !Number.isNaN(bound))) continue;
      throw new OptionError(`clamp: min and max expected numbers, got min ${describe(min)} and max ${describe(max)}`);
    }
    if (min === null && max === null) throw new OptionError("clamp: expected min, max or both");
    super("clamp", min ?? NaN, max ?? NaN); // for the kernels NaN means no bound
    this.#bounds = [min, max];
  }

  override get attributes(): Attributes {
    return { min: toJsonNumber(this.#bounds[0]), max: toJsonNumber(this.#bounds[1]) };
  }

  override forward(x: NDArray): NDArray {
    const fits = (bound: number | null) => bound === null || bound === (bound | 0);
    const [min, max] = this.#bounds;
    if (x.dtype === "float32" || !fits(min) || !fits(max)) return super.forward(x);
    const raised = intMaximum(castTo(x, "int32"), scalar(min ?? INT32_MIN, "int32"));
    return intMinimum(raised, scalar(max ?? INT32_MAX, "int32"));
  }
}
