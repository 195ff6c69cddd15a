import type { DType } from "../../../ops/core/array.ts";
import type { OperatorWriter, StepWriter } from "../operator_writer.ts";

type Writers = Readonly<Record<string, OperatorWriter>>;

/** A node on two operands of their common dtype. */
const binary =
  (opType: string, onBool: string | null, atLeast: DType = "bool"): OperatorWriter =>
  (s) => {
    const dtype = s.common([0, 1], onBool === null && atLeast === "bool" ? "int32" : atLeast);
    return s.nodes.node(dtype === "bool" && onBool ? onBool : opType, [s.x(0, dtype), s.x(1, dtype)]);
  };

const not =
  (writer: OperatorWriter): OperatorWriter =>
  (s) =>
    s.nodes.node("Not", [writer(s) as string]);

const logical =
  (opType: string): OperatorWriter =>
  (s) =>
    s.nodes.node(opType, [s.x(0, "bool"), s.x(1, "bool")]);

/** A node on float32. */
const float =
  (opType: string, attributes: Parameters<StepWriter["nodes"]["node"]>[2] = {}): OperatorWriter =>
  (s) =>
    s.nodes.node(opType, [s.x(0, "float32")], attributes);

/** A function that maps int32 to int32, with another node for integers if there is one. */
const exact =
  (opType: string, onIntegers: (s: StepWriter, x: string) => string): OperatorWriter =>
  (s) =>
    s.dtype(0) === "float32" ? s.nodes.node(opType, [s.x(0)]) : onIntegers(s, s.x(0, "int32"));

const unchanged = (_: StepWriter, x: string) => x;

/** Functions of names that write one node each. */
export function formulas({ nodes }: StepWriter) {
  const two = (opType: string) => (a: string, b: string) => nodes.node(opType, [a, b]);
  const one = (opType: string) => (a: string) => nodes.node(opType, [a]);
  const value = (x: number) => nodes.scalar(x);
  return {
    value,
    add: two("Add"),
    sub: two("Sub"),
    mul: two("Mul"),
    div: two("Div"),
    less: two("Less"),
    equal: two("Equal"),
    and: two("And"),
    exp: one("Exp"),
    log: one("Log"),
    abs: one("Abs"),
    where: (c: string, a: string, b: string) => nodes.node("Where", [c, a, b]),
  };
}

/** e^x - 1, which is exact near 0: there as 2 tanh(x / 2) / (1 - tanh(x / 2)). */
const expm1: OperatorWriter = (s) => {
  const { add, sub, mul, div, less, abs, exp, where, value } = formulas(s);
  const x = s.x(0, "float32");
  const t = s.nodes.node("Tanh", [mul(x, value(0.5))]);
  return where(less(abs(x), value(0.5)), div(add(t, t), sub(value(1), t)), sub(exp(x), value(1)));
};

/** ln(1 + x), which is exact near 0: there as x ln(u) / (u - 1) for the rounded u = 1 + x. */
const log1p: OperatorWriter = (s) => {
  const { add, sub, mul, div, less, abs, log, equal, where, value } = formulas(s);
  const x = s.x(0, "float32");
  const u = add(x, value(1));
  const rest = sub(u, value(1));
  const near = where(equal(rest, value(0)), x, mul(log(u), div(x, where(equal(rest, value(0)), value(1), rest))));
  return where(less(abs(x), value(0.5)), near, log(u));
};

const gelu: OperatorWriter = (s) => {
  const { add, mul, value } = formulas(s);
  const x = s.x(0, "float32");
  const approximate = s.attribute<string>("approximate");
  if (s.nodes.opset >= 20) return s.nodes.node("Gelu", [x], { approximate });
  const half = mul(x, value(0.5));
  if (approximate === "none") return mul(half, add(s.nodes.node("Erf", [mul(x, value(Math.SQRT1_2))]), value(1)));
  const cube = mul(mul(mul(x, x), x), value(0.044715));
  const inner = mul(add(x, cube), value(0.7978845608028654));
  return mul(half, add(s.nodes.node("Tanh", [inner]), value(1)));
};

const softplus: OperatorWriter = (s) => {
  const { mul, div, less, where, value } = formulas(s);
  const x = s.x(0, "float32");
  const [beta, threshold] = [s.attribute<number>("beta"), s.attribute<number>("threshold")];
  const scaled = beta === 1 ? x : mul(x, value(beta));
  const y = s.nodes.node("Softplus", [scaled]);
  const unscaled = beta === 1 ? y : div(y, value(beta));
  return threshold >= 20 ? unscaled : where(less(value(threshold), scaled), x, unscaled);
};

const clamp: OperatorWriter = (s) => {
  const [min, max] = [s.attribute<number | string | null>("min"), s.attribute<number | string | null>("max")];
  const fits = (bound: number | string | null) => bound === null || bound === (Number(bound) | 0);
  const dtype = s.dtype(0) !== "float32" && fits(min) && fits(max) ? "int32" : "float32";
  const bound = (value: number | string | null) => (value === null ? "" : s.nodes.scalar(Number(value), dtype));
  return s.nodes.node("Clip", [s.x(0, dtype), bound(min), bound(max)]);
};

const atan2: OperatorWriter = (s) => {
  const { add, mul, div, less, where, value } = formulas(s);
  const [y, x] = [s.x(0, "float32"), s.x(1, "float32")];
  const zero = value(0);
  const angle = s.nodes.node("Atan", [div(y, x)]);
  const turned = add(angle, where(less(y, zero), value(-Math.PI), value(Math.PI)));
  const upright = mul(s.nodes.node("Sign", [y]), value(Math.PI / 2));
  return where(less(zero, x), angle, where(less(x, zero), turned, upright));
};

/** The rest of a / b with the sign of a. */
const fmod: OperatorWriter = (s) => {
  const dtype = s.common([0, 1], "int32");
  return s.nodes.node("Mod", [s.x(0, dtype), s.x(1, dtype)], { fmod: 1 });
};

/** The rest of a / b with the sign of b. */
const remainder: OperatorWriter = (s) => {
  const dtype = s.common([0, 1], "int32");
  const [a, b] = [s.x(0, dtype), s.x(1, dtype)];
  if (dtype === "int32") return s.nodes.node("Mod", [a, b]);
  const { add, less, equal, and, where, value } = formulas(s);
  const rest = s.nodes.node("Mod", [a, b], { fmod: 1 });
  const differ = s.nodes.node("Xor", [less(rest, value(0)), less(b, value(0))]);
  const nonzero = s.nodes.node("Not", [equal(rest, value(0))]);
  return where(and(nonzero, differ), add(rest, b), rest);
};

const floorDivide: OperatorWriter = (s) => {
  const dtype = s.common([0, 1], "int32");
  const { sub, div } = formulas(s);
  const [a, b] = [s.x(0, dtype), s.x(1, dtype)];
  const quotient = div(sub(a, remainder(s) as string), b);
  return dtype === "int32" ? quotient : s.nodes.node("Round", [quotient]);
};

const nanToNum: OperatorWriter = (s) => {
  const x = s.x(0);
  if (s.dtype(0) !== "float32") return x;
  const { where, value } = formulas(s);
  const number = (name: string) => value(Number(s.attribute(name)));
  const isInf = (sign: "positive" | "negative") =>
    s.nodes.node("IsInf", [x], { [sign === "positive" ? "detect_negative" : "detect_positive"]: 0 });
  const finite = where(isInf("positive"), number("posinf"), where(isInf("negative"), number("neginf"), x));
  return where(s.nodes.node("IsNaN", [x]), number("nan"), finite);
};

const trunc: OperatorWriter = (s) => {
  if (s.dtype(0) !== "float32") return s.x(0, "int32");
  const x = s.x(0);
  return s.nodes.node("Mul", [s.nodes.node("Sign", [x]), s.nodes.node("Floor", [s.nodes.node("Abs", [x])])]);
};

const scaledProduct =
  (opType: "Mul" | "Div"): OperatorWriter =>
  (s) => {
    const { add, mul, value } = formulas(s);
    const term = s.nodes.node(opType, [s.x(1), s.x(2)]);
    const factor = s.attribute<number>("value");
    return add(s.x(0), factor === 1 ? term : mul(term, value(factor)));
  };

const where: OperatorWriter = (s) => {
  const areNumbers = s.value(1) === null && s.value(2) === null;
  const dtype = s.common([1, 2], areNumbers ? "float32" : "bool");
  const [condition, a, b] = [s.x(0), ...[1, 2].map((i) => s.x(i, dtype === "bool" ? "int32" : dtype))];
  return s.nodes.cast(s.nodes.node("Where", [condition, a, b]), dtype === "bool" ? "int32" : dtype, dtype);
};

const times =
  (factor: number, opType = "Log"): OperatorWriter =>
  (s) =>
    s.nodes.node("Mul", [s.nodes.node(opType, [s.x(0, "float32")]), s.nodes.scalar(factor)]);

export const ELEMENTWISE: Writers = {
  add: binary("Add", "Or"),
  sub: binary("Sub", null),
  mul: binary("Mul", "And"),
  div: binary("Div", null, "float32"),
  maximum: binary("Max", "Or"),
  minimum: binary("Min", "And"),
  pow: binary("Pow", null),
  eq: binary("Equal", "Equal"),
  ne: not(binary("Equal", "Equal")),
  lt: binary("Less", null),
  le: binary("LessOrEqual", null),
  gt: binary("Greater", null),
  ge: binary("GreaterOrEqual", null),
  logicalAnd: logical("And"),
  logicalOr: logical("Or"),
  logicalXor: logical("Xor"),
  where,
  to: (s) => s.x(0, s.attribute<DType>("dtype")),
  clone: (s) => s.x(0),
  relu: exact("Relu", (s, x) => s.nodes.node("Max", [x, s.nodes.scalar(0, "int32")])),
  square: (s) => {
    const x = s.x(0, s.dtype(0) === "float32" ? "float32" : "int32");
    return s.nodes.node("Mul", [x, x]);
  },
  abs: exact("Abs", (s, x) => s.nodes.node("Abs", [x])),
  sign: exact("Sign", (s, x) => s.nodes.node("Sign", [x])),
  floor: exact("Floor", unchanged),
  ceil: exact("Ceil", unchanged),
  round: exact("Round", unchanged),
  trunc,
  frac: (s) =>
    s.nodes.node("Sub", [s.x(0, "float32"), s.dtype(0) === "float32" ? (trunc(s) as string) : s.x(0, "float32")]),
  sigmoid: float("Sigmoid"),
  tanh: float("Tanh"),
  exp: float("Exp"),
  expm1,
  log: float("Log"),
  log1p,
  log2: times(Math.LOG2E),
  log10: times(Math.LOG10E),
  exp2: (s) => s.nodes.node("Pow", [s.nodes.scalar(2), s.x(0, "float32")]),
  sqrt: float("Sqrt"),
  rsqrt: (s) => s.nodes.node("Reciprocal", [s.nodes.node("Sqrt", [s.x(0, "float32")])]),
  reciprocal: float("Reciprocal"),
  sin: float("Sin"),
  cos: float("Cos"),
  tan: float("Tan"),
  asin: float("Asin"),
  acos: float("Acos"),
  atan: float("Atan"),
  sinh: float("Sinh"),
  cosh: float("Cosh"),
  erf: float("Erf"),
  leakyRelu: (s) => s.nodes.node("LeakyRelu", [s.x(0, "float32")], { alpha: { float: s.attribute("negativeSlope") } }),
  elu: (s) => s.nodes.node("Elu", [s.x(0, "float32")], { alpha: { float: s.attribute("alpha") } }),
  gelu,
  geluTanh: gelu,
  silu: (s) => s.nodes.node("Mul", [s.x(0, "float32"), s.nodes.node("Sigmoid", [s.x(0, "float32")])]),
  softplus,
  mish: (s) => {
    const x = s.x(0, "float32");
    return s.nodes.node("Mul", [x, s.nodes.node("Tanh", [s.nodes.node("Softplus", [x])])]);
  },
  hardswish: (s) => {
    const x = s.x(0, "float32");
    return s.nodes.node("Mul", [x, s.nodes.node("HardSigmoid", [x], { alpha: { float: 1 / 6 } })]);
  },
  hardsigmoid: float("HardSigmoid", { alpha: { float: 1 / 6 } }),
  softsign: float("Softsign"),
  clamp,
  atan2,
  fmod,
  remainder,
  floorDivide,
  nanToNum,
  lerp: (s) => {
    const { add, sub, mul } = formulas(s);
    const [x, end, weight] = [0, 1, 2].map((i) => s.x(i, "float32"));
    return add(x, mul(weight, sub(end, x)));
  },
  addcmul: scaledProduct("Mul"),
  addcdiv: scaledProduct("Div"),
};
