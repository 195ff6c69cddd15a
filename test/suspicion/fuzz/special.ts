/**
 * Elementwise operations and reductions on special values of all dtypes, with broadcast and empty shapes. It
 * checks where results are NaN or infinite, or exceed float32, and the sign of zeros where the operation
 * defines it.
 */
import { scope, type Tensor, tensor, where } from "wasmgrad";
import { CaseError, type Kind } from "./campaign.ts";
import { erf, smaller, sourceOf } from "./operations.ts";
import { type Random, sizeOf } from "./random.ts";

type DType = "float32" | "int32" | "bool";

/** A random tensor and its elements as plain numbers. */
interface Drawn {
  dtype: DType;
  shape: number[];
  values: Float32Array | Int32Array;
  make: (requiresGrad?: boolean) => Tensor;
}

const LARGEST = 3.4028234663852886e38;
const SPECIAL = [NaN, Infinity, -Infinity, 0, -0, 2 ** -149, -(2 ** -149), 2 ** -127, 2 ** -126, LARGEST, -LARGEST];
const ORDINARY = [1, -1, 0.5, 2, -3, 1.5, 2 ** 24, 2 ** 31, -(2 ** 31), 1e20, -1e20, 88.5, -103.5];
const INTEGERS = [0, 1, -1, 2, -3, 7, 31, 2 ** 24 + 1, 2 ** 31 - 1, -(2 ** 31), 65536, -65537];

function float(random: Random): number {
  const kind = random.fraction();
  if (kind < 0.35) return random.pick(SPECIAL);
  return Math.fround(kind < 0.6 ? random.pick(ORDINARY) : random.normal() * random.pick([1, 1, 30, 1e-40, 1e30]));
}

const integer = (random: Random) => (random.chance(0.5) ? random.pick(INTEGERS) : random.integer(-20, 20));

function draw(random: Random, shape: number[], dtypes: readonly DType[]): Drawn {
  const dtype = random.pick(dtypes);
  const length = sizeOf(shape);
  const values =
    dtype === "float32"
      ? Float32Array.from({ length }, () => float(random))
      : Int32Array.from({ length }, () => (dtype === "bool" ? random.integer(0, 1) : integer(random)));
  const make = (requiresGrad = false) => {
    const made = tensor(values, { shape, requiresGrad });
    return dtype === "bool" ? made.bool() : made;
  };
  return { dtype, shape, values, make };
}

const ALL = ["float32", "int32", "bool"] as const;
const MOSTLY_FLOAT = ["float32", "float32", "float32", "int32", "bool"] as const;

/** The distance of float32 numbers near x. */
const spacing = (x: number) => 2 ** Math.max(-149, Math.floor(Math.log2(Math.abs(x))) - 23);

/** The expected value of an element, and its tolerance. */
interface Expected {
  value: number;
  /** In distances of neighbouring float32 numbers at the value. Default 0.5: correctly rounded. */
  ulps?: number;
  absolute?: number;
  /** Whether a zero's sign counts. Default false. */
  signed?: boolean;
}

function fits(actual: number, { value, ulps = 0.5, absolute = 0, signed = false }: Expected): boolean {
  if (absolute === Infinity) return true;
  if (Number.isNaN(value) || Number.isNaN(actual)) return Number.isNaN(value) && Number.isNaN(actual);
  const rounded = Math.fround(value);
  if (actual === rounded) return !signed || actual !== 0 || Object.is(actual, rounded);
  if (!Number.isFinite(actual)) {
    // not beyond float32 exactly, but within the tolerance
    return Math.sign(actual) === Math.sign(value) && Math.abs(value) >= LARGEST * (1 - ulps * 2 ** -23);
  }
  return Math.abs(actual - Math.max(-LARGEST, Math.min(LARGEST, value))) <= ulps * spacing(value) + absolute;
}

function check(what: string, result: Tensor, dtype: DType, shape: readonly number[], expected: readonly Expected[]) {
  if (result.dtype !== dtype) throw new CaseError(`${what}: ${result.dtype}, expected ${dtype}`);
  if (String(result.shape) !== String(shape)) throw new CaseError(`${what}: [${result.shape}], expected [${shape}]`);
  const values = result.data();
  if (values.length !== expected.length)
    throw new CaseError(`${what}: ${values.length} of ${expected.length} elements`);
  expected.forEach((e, i) => {
    if (fits(values[i], e)) return;
    const shown = Object.is(values[i], -0) ? "-0" : values[i];
    throw new CaseError(`${what}, element ${i}: ${shown}, expected ${JSON.stringify({ ...e, value: `${e.value}` })}`);
  });
}

const RANK = { bool: 0, int32: 1, float32: 2 };
const common = (a: DType, b: DType): DType => (RANK[a] > RANK[b] ? a : b);

/** pow as in C, which has defined values for a few more arguments than JavaScript's. */
function pow(a: number, b: number): number {
  return a === 1 || (a === -1 && !Number.isFinite(b) && !Number.isNaN(b)) ? 1 : a ** b;
}

/**
 * a^(b-1), where b - 1 need not be a float64. Whether the exponent is an integer, and odd, is decided by b.
 */
function powBelow(a: number, b: number): number {
  const size = pow(Math.abs(a), b - 1);
  const isNegative = a < 0 || Object.is(a, -0);
  if (a < 0 && !Number.isInteger(b)) return NaN;
  return isNegative && Number.isInteger(b) && b % 2 === 0 ? -size : size;
}

function powInteger(a: number, b: number): number {
  if (b < 0) return a === 1 ? 1 : a === -1 ? (b % 2 === 0 ? 1 : -1) : 0;
  let result = 1;
  for (let base = a, rest = b; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result = Math.imul(result, base);
    base = Math.imul(base, base);
  }
  return result;
}

const lesser = (a: number, b: number) => (Number.isNaN(a) || Number.isNaN(b) ? NaN : a < b ? a : b);
const greater = (a: number, b: number) => (Number.isNaN(a) || Number.isNaN(b) ? NaN : a > b ? a : b);

interface BinaryOp {
  float: (a: number, b: number) => number;
  integer?: (a: number, b: number) => number;
  /** For two bools, if the operation accepts them. */
  bool?: (a: number, b: number) => number;
  dtype?: DType;
  ulps?: number;
  signed?: boolean;
  /** Derivatives times dy, if they are checked. */
  gradient?: (dy: number, a: number, b: number) => [Expected, Expected];
}

/** The part of the gradient that an operand gets if it is larger by `difference`: half if both are equal. */
const shareOf = (difference: number) => (difference > 0 ? 1 : difference < 0 ? 0 : 0.5);

const truth = (f: (a: number, b: number) => boolean): BinaryOp => {
  const number = (a: number, b: number) => Number(f(a, b));
  return { float: number, integer: number, bool: number, dtype: "bool" };
};

const BINARY: Record<string, BinaryOp> = {
  add: {
    float: (a, b) => a + b,
    integer: (a, b) => (a + b) | 0,
    bool: (a, b) => a | b,
    signed: true,
    gradient: (dy) => [{ value: dy }, { value: dy }],
  },
  sub: {
    float: (a, b) => a - b,
    integer: (a, b) => (a - b) | 0,
    signed: true,
    gradient: (dy) => [{ value: dy }, { value: -dy }],
  },
  mul: {
    float: (a, b) => a * b,
    integer: Math.imul,
    bool: (a, b) => a & b,
    signed: true,
    gradient: (dy, a, b) => [
      { value: dy * b, signed: true },
      { value: dy * a, signed: true },
    ],
  },
  div: {
    float: (a, b) => a / b,
    dtype: "float32",
    signed: true,
    gradient: (dy, a, b) => [{ value: dy / b }, { value: -(dy * a) / (b * b) }],
  },
  maximum: {
    float: greater,
    integer: greater,
    bool: greater,
    gradient: (dy, a, b) => [{ value: dy * shareOf(a - b) }, { value: dy * shareOf(b - a) }],
  },
  minimum: {
    float: lesser,
    integer: lesser,
    bool: lesser,
    gradient: (dy, a, b) => [{ value: dy * shareOf(b - a) }, { value: dy * shareOf(a - b) }],
  },
  pow: {
    float: pow,
    integer: powInteger,
    ulps: 1,
    gradient: (dy, a, b) => [
      { value: b === 0 ? 0 : dy * b * powBelow(a, b), ulps: 1 },
      { value: a === 0 && b >= 0 ? 0 : dy * pow(a, b) * Math.log(a), ulps: 1 },
    ],
  },
  eq: truth((a, b) => a === b),
  ne: truth((a, b) => a !== b),
  lt: truth((a, b) => a < b),
  le: truth((a, b) => a <= b),
  gt: truth((a, b) => a > b),
  ge: truth((a, b) => a >= b),
  logicalAnd: truth((a, b) => a !== 0 && b !== 0),
  logicalOr: truth((a, b) => a !== 0 || b !== 0),
  logicalXor: truth((a, b) => (a !== 0) !== (b !== 0)),
};

/** An element whose value is not checked. */
const ANY: Expected = { value: 0, absolute: Infinity };

const isLogical = (name: string) => name.startsWith("logical");

function binary(random: Random): string {
  const name = random.pick(Object.keys(BINARY));
  const op = BINARY[name];
  const full = random.shape(0, 4, 60);
  const shapes = random.chance(0.5) ? [full, smaller(random, full)] : [smaller(random, full), full];
  const [a, b] = shapes.map((shape) => draw(random, shape, MOSTLY_FLOAT));
  const what = `${name} ${a.dtype} [${a.shape}] ${b.dtype} [${b.shape}]`;
  const kind = common(a.dtype, b.dtype);
  const run = (x: Tensor, y: Tensor) => x[name as "add"](y);
  if (kind === "bool" && !op.bool && op.dtype !== "float32") {
    expectError(what, "DTypeError", () => run(a.make(), b.make()));
    return `${name} refused`;
  }
  const asFloat = kind === "float32" || op.dtype === "float32";
  const f = (asFloat ? op.float : kind === "int32" ? op.integer : op.bool) as BinaryOp["float"];
  const round = asFloat && !isLogical(name) ? Math.fround : (x: number) => x;
  const [fromA, fromB] = [a, b].map(({ shape }) => sourceOf(full, shape));
  const pairs = Array.from({ length: sizeOf(full) }, (_, i) => [round(a.values[fromA(i)]), round(b.values[fromB(i)])]);
  const { ulps, signed } = op;
  const expected = pairs.map(([x, y]) => ({ value: f(x, y), ulps, signed }));
  const { gradient } = op;
  const [x, y] = [a, b].map((drawn) => drawn.make(drawn.dtype === "float32" && gradient !== undefined));
  const result = run(x, y);
  check(what, result, op.dtype ?? kind, full, expected);
  if (!gradient || !result.requiresGrad) return name;
  const seeds = random.normals(sizeOf(full));
  result.backward(tensor(seeds, { shape: full }));
  [x, y].forEach((leaf, k) => {
    // the other campaign checks sums over broadcast dimensions
    if (!leaf.requiresGrad || String(leaf.shape) !== String(full)) return;
    // at infinities and NaN, a derivative is a convention, which test/unit/ops/extremes.test.ts checks
    const grads = pairs.map(([p, q], i) =>
      Number.isFinite(p) && Number.isFinite(q) ? gradient(seeds[i], p, q)[k] : ANY,
    );
    check(`${what}, gradient ${k}`, leaf.grad as Tensor, "float32", full, grads);
  });
  return name;
}

function expectError(what: string, name: string, run: () => unknown): void {
  try {
    run();
  } catch (error) {
    if ((error as Error).name === name) return;
    throw new CaseError(`${what}: ${error}, expected a ${name}`);
  }
  throw new CaseError(`${what}: no error, expected a ${name}`);
}

interface UnaryOp {
  f: (x: number) => number;
  /** For int32 and bool, where the result is int32. */
  integer?: (x: number) => number;
  ulps?: number;
  absolute?: number;
  signed?: boolean;
  /** The derivative times dy, for finite x. */
  gradient?: (dy: number, x: number) => number;
}

const UNARY: Record<string, UnaryOp> = {
  neg: { f: (x) => -x, integer: (x) => -x | 0, signed: true, gradient: (dy) => -dy },
  abs: { f: Math.abs, integer: (x) => Math.abs(x) | 0, signed: true, gradient: (dy, x) => dy * Math.sign(x) },
  square: { f: (x) => x * x, integer: (x) => Math.imul(x, x), signed: true, gradient: (dy, x) => dy * x * 2 },
  sqrt: { f: Math.sqrt, signed: true },
  reciprocal: { f: (x) => 1 / x, signed: true },
  rsqrt: { f: (x) => 1 / Math.sqrt(x), ulps: 1.5 },
  exp: { f: Math.exp, ulps: 1 },
  log: { f: Math.log, ulps: 0.8, gradient: (dy, x) => dy / x },
  sigmoid: { f: (x) => (x < 0 ? Math.exp(x) / (1 + Math.exp(x)) : 1 / (1 + Math.exp(-x))), ulps: 2.5 },
  tanh: { f: Math.tanh, ulps: 2.5 },
  erf: { f: erfAnywhere, ulps: 2, absolute: 2 ** -23 },
  relu: { f: (x) => (x < 0 ? 0 : x), integer: (x) => Math.max(x, 0), gradient: (dy, x) => (x > 0 ? dy : 0) },
  sign: {
    f: (x) => (Number.isNaN(x) ? 0 : Math.sign(x)),
    integer: Math.sign,
    gradient: () => 0,
  },
  floor: { f: Math.floor, integer: (x) => x, signed: true, gradient: () => 0 },
  ceil: { f: Math.ceil, integer: (x) => x, signed: true, gradient: () => 0 },
  round: { f: roundToEven, integer: (x) => x, gradient: () => 0 },
};

function erfAnywhere(x: number): number {
  if (Number.isNaN(x) || x === 0) return x;
  return Math.abs(x) > 6 ? Math.sign(x) : erf(x);
}

function roundToEven(x: number): number {
  const low = Math.floor(x);
  return x - low === 0.5 && low % 2 === 0 ? low : Math.round(x);
}

function unary(random: Random): string {
  const name = random.pick(Object.keys(UNARY));
  const { f, integer, ulps, absolute, signed, gradient } = UNARY[name];
  const shape = random.shape(0, 4, 60);
  const x = draw(random, shape, MOSTLY_FLOAT);
  const what = `${name} ${x.dtype} [${shape}]`;
  const run = (of: Tensor) => of[name as "neg"]();
  if (x.dtype !== "float32" && integer) {
    check(
      what,
      run(x.make()),
      "int32",
      shape,
      [...x.values].map((value) => ({ value: integer(value) })),
    );
    return name;
  }
  const values = [...x.values].map(Math.fround);
  const leaf = x.make(x.dtype === "float32" && gradient !== undefined);
  const result = run(leaf);
  check(
    what,
    result,
    "float32",
    shape,
    values.map((value) => ({ value: f(value), ulps, absolute, signed })),
  );
  if (!gradient || !leaf.requiresGrad) return name;
  const seeds = random.normals(sizeOf(shape));
  result.backward(tensor(seeds, { shape }));
  // at infinities and NaN, a derivative is a convention, which test/unit/ops/extremes.test.ts checks
  const grads = values.map((v, i) => (Number.isFinite(v) ? { value: gradient(seeds[i], v), ulps: 1 } : ANY));
  check(`${what}, gradient`, leaf.grad as Tensor, "float32", shape, grads);
  return name;
}

/** `where` on all pairs of dtypes, `clamp`, and conversions. */
function select(random: Random): string {
  const full = random.shape(0, 4, 60);
  const name = random.pick(["where", "maskedFill", "clamp", "to", "isNaN", "isFinite", "logicalNot"]);
  if (name === "where") {
    const shapes = [0, 1, 2].map(() => smaller(random, full));
    shapes[random.integer(0, 2)] = full;
    const condition = draw(random, shapes[0], ["bool"]);
    const [a, b] = shapes.slice(1).map((shape) => draw(random, shape, ALL));
    const kind = common(a.dtype, b.dtype);
    const [c, p, q] = [condition, a, b].map(({ shape }) => sourceOf(full, shape));
    const expected = Array.from({ length: sizeOf(full) }, (_, i) => ({
      value: condition.values[c(i)] ? a.values[p(i)] : b.values[q(i)],
      signed: true,
    }));
    const what = `where [${shapes[0]}] ${a.dtype} [${a.shape}] ${b.dtype} [${b.shape}]`;
    check(what, where(condition.make(), a.make(), b.make()), kind, full, expected);
    return name;
  }
  const x = draw(random, full, name === "clamp" ? ["float32", "int32"] : ALL);
  const what = `${name} ${x.dtype} [${full}]`;
  const each = (f: (value: number) => number) => [...x.values].map((value) => ({ value: f(value) }));
  const made = x.make();
  switch (name) {
    case "maskedFill": {
      const mask = draw(random, smaller(random, full), ["bool"]);
      const from = sourceOf(full, mask.shape);
      const value = x.dtype === "float32" ? float(random) : 1;
      const expected = [...x.values].map((old, i) => ({ value: mask.values[from(i)] ? value : old }));
      const kind = x.dtype === "bool" ? "int32" : x.dtype;
      check(`${what} ${value}`, made.maskedFill(mask.make(), value), kind, full, expected);
      return name;
    }
    case "clamp": {
      const bound = () => (x.dtype === "float32" || random.chance(0.2) ? float(random) || 0 : integer(random));
      const [min, max] = [bound(), bound()];
      const isInteger = x.dtype === "int32" && [min, max].every((b) => b === (b | 0));
      const kind = isInteger ? "int32" : "float32";
      const round = isInteger ? (v: number) => v : Math.fround;
      const expected = each((v) => (Number.isNaN(v) ? v : Math.min(Math.max(round(v), min), max)));
      check(`${what} ${min} ${max}`, made.clamp({ min, max }), kind, full, expected);
      return name;
    }
    case "to": {
      const dtype = random.pick(ALL);
      const toInteger = (v: number) =>
        Number.isNaN(v) ? 0 : Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, Math.trunc(v)));
      const f = dtype === "float32" ? Math.fround : dtype === "bool" ? (v: number) => Number(v !== 0) : toInteger;
      check(`${what} to ${dtype}`, made.to(dtype), dtype, full, each(f));
      return name;
    }
    case "isNaN":
      check(
        what,
        made.isNaN(),
        "bool",
        full,
        each((v) => Number(Number.isNaN(v))),
      );
      return name;
    case "isFinite":
      check(
        what,
        made.isFinite(),
        "bool",
        full,
        each((v) => Number(Number.isFinite(v))),
      );
      return name;
    default:
      check(
        what,
        made.logicalNot(),
        "bool",
        full,
        each((v) => Number(v === 0)),
      );
      return name;
  }
}

/** Positions of the elements that a reduction over `dims` combines to each result. */
function groupsOf(shape: readonly number[], dims: readonly number[]): number[][] {
  const kept = shape.filter((_, d) => !dims.includes(d));
  const groups: number[][] = Array.from({ length: sizeOf(kept) }, () => []);
  for (let at = 0; at < sizeOf(shape); at++) {
    let to = 0;
    shape.forEach((length, d) => {
      if (!dims.includes(d)) to = to * length + (Math.floor(at / sizeOf(shape.slice(d + 1))) % length);
    });
    groups[to].push(at);
  }
  return groups;
}

const better = (sign: number) => (a: number, b: number) =>
  Number.isNaN(a) ? false : Number.isNaN(b) || sign * b > sign * a;

function reduce(random: Random): string {
  const shape = random.shape(0, 4, 80);
  const name = random.pick([
    "sum",
    "mean",
    "var",
    "all",
    "any",
    "max",
    "min",
    "argmax",
    "argmin",
    "softmax",
    "logSoftmax",
  ]);
  const floatOnly = ["mean", "var", "softmax", "logSoftmax"].includes(name);
  const x = draw(random, shape, floatOnly ? ["float32"] : ["float32", "float32", "int32"]);
  const many = ["sum", "mean", "var", "all", "any"].includes(name);
  const dims = shape.map((_, d) => d).filter(() => random.chance(many ? 0.5 : 0.3));
  if (!many) dims.splice(1);
  if (!many && dims.length === 0) {
    if (shape.length === 0) return "nothing to reduce";
    dims.push(random.integer(0, shape.length - 1));
  }
  if (dims.length === 0) dims.push(...shape.map((_, d) => d));
  const keepdim = random.chance(0.5);
  const outShape = keepdim
    ? shape.map((n, d) => (dims.includes(d) ? 1 : n))
    : shape.filter((_, d) => !dims.includes(d));
  const what = `${name} ${x.dtype} [${shape}] dims ${dims} keepdim ${keepdim}`;
  const groups = groupsOf(shape, dims).map((group) => group.map((at) => x.values[at]));
  const made = x.make();
  const negative = dims.map((d) => (random.chance(0.5) ? d : d - shape.length));
  const isEmpty = groups.length > 0 && groups[0].length === 0;
  if (many) {
    const result = made[name as "sum"](shape.length === 0 ? undefined : negative, { keepdim });
    const expected = groups.map((group): Expected => {
      const n = group.length;
      const total = group.reduce((a, b) => a + b, 0);
      // sums in float64, each step rounded to 2^-53
      const error = (group.reduce((a, b) => a + Math.abs(b), 0) * n) / 2 ** 52;
      if (name === "sum" && x.dtype === "int32") return { value: Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, total)) };
      if (name === "sum") return { value: total, absolute: error };
      if (name === "mean") return { value: total / n, absolute: error / n };
      if (name === "all") return { value: Number(group.every((v) => v !== 0)) };
      if (name === "any") return { value: Number(group.some((v) => v !== 0)) };
      const mean = total / n;
      const squares = group.reduce((sum, v) => sum + (v - mean) ** 2, 0);
      return { value: n < 2 ? NaN : squares / (n - 1), ulps: 3, absolute: (squares * n) / 2 ** 50 };
    });
    const dtype = name === "sum" ? x.dtype : name === "all" || name === "any" ? "bool" : "float32";
    check(what, result, dtype, outShape, expected);
    return name;
  }
  const [dim] = negative;
  if (name === "softmax" || name === "logSoftmax") {
    const result = made[name](dim);
    const expected: Expected[] = [];
    const positions = groupsOf(shape, dims);
    groups.forEach((group, g) => {
      const largest = group.reduce(greater, -Infinity);
      const total = group.reduce((sum, v) => sum + Math.exp(v - largest), 0);
      group.forEach((v, i) => {
        const log = v - largest - Math.log(total);
        // exp of a difference that float32 rounds: the error of the probability
        const slack = 4 + 2 * Math.min(104, Math.abs(v - largest) || 0);
        const spread = { ulps: slack, absolute: name === "softmax" ? 2 ** -147 : 2 ** -21 };
        expected[positions[g][i]] = { value: name === "softmax" ? Math.exp(log) : log, ...spread };
      });
    });
    check(what, result, "float32", shape, expected);
    return name;
  }
  if (isEmpty) {
    expectError(what, "ShapeError", () => made[name as "argmax"](dim));
    return `${name} of nothing`;
  }
  const isBetter = better(name.endsWith("max") ? 1 : -1);
  const best = groups.map((group) => group.reduce((at, v, i) => (isBetter(group[at], v) ? i : at), 0));
  if (name.startsWith("arg")) {
    check(
      what,
      made[name as "argmax"](dim, { keepdim }),
      "int32",
      outShape,
      best.map((value) => ({ value })),
    );
    return name;
  }
  const { values, indices } = made[name as "max"](dim, { keepdim });
  check(
    what,
    values,
    x.dtype,
    outShape,
    best.map((at, g) => ({ value: groups[g][at] })),
  );
  check(
    `${what}, indices`,
    indices,
    "int32",
    outShape,
    best.map((value) => ({ value })),
  );
  return name;
}

export const special: Kind = {
  name: "special",
  run: (random) => scope(() => random.pick([binary, binary, unary, select, reduce])(random)),
};
