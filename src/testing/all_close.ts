import { checkBoolean, checkNumber, readOptions } from "../checks.ts";
import { formatShape, OptionError, WasmgradError } from "../errors.ts";
import { Tensor } from "../tensor/tensor.ts";

/**
 * Values that can be compared: a tensor, numbers, nested arrays, typed arrays, or an object of these by name
 * (a state dict).
 */
export type Comparable =
  | number
  | boolean
  | Tensor
  | ArrayLike<number>
  | readonly Comparable[]
  | { readonly [name: string]: Comparable };

/** Two numbers are close if `|actual - expected| <= atol + rtol * |expected|`. */
export interface Tolerance {
  /** Relative tolerance. Default 1e-5. */
  rtol?: number;
  /** Absolute tolerance. Default 1e-8. */
  atol?: number;
  /** Whether NaN is close to NaN. Default false. */
  equalNan?: boolean;
}

/** The result of a matcher, for the test runner. */
export interface MatcherResult {
  pass: boolean;
  message: () => string;
}

/**
 * Declares the matchers for a test runner's types:
 * `declare module "vitest" { interface Matchers<T> extends AllCloseMatchers<T> {} }`
 */
export interface AllCloseMatchers<R = unknown> {
  toBeAllClose(expected: Comparable, tolerance?: Tolerance): R;
}

const NAME = "toBeAllClose";

/** The differences found in a comparison: their number, and the place of the largest one. */
interface Comparison {
  /** Differences in structure: shapes and names. */
  structure: string[];
  compared: number;
  apart: number;
  worst: { where: string; actual: number; expected: number; excess: number } | null;
}

interface Flat {
  shape: readonly number[];
  data: ArrayLike<number>;
}

function isTypedArray(value: unknown): value is ArrayLike<number> {
  return ArrayBuffer.isView(value) && Object.prototype.toString.call(value) !== "[object DataView]";
}

function isNamed(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === "object" &&
    value !== null &&
    !(value instanceof Tensor) &&
    !Array.isArray(value) &&
    !isTypedArray(value)
  );
}

/** The numbers of a value and their shape; null for ragged arrays and for values that are not numbers. */
function flatten(value: unknown): Flat | null {
  if (value instanceof Tensor) return { shape: value.shape, data: value.data() };
  if (typeof value === "number" || typeof value === "boolean") return { shape: [], data: [Number(value)] };
  if (isTypedArray(value)) return { shape: [value.length], data: Array.from(value, Number) };
  if (!Array.isArray(value)) return null;
  const rows = value.map(flatten);
  const inner = rows[0]?.shape ?? [];
  if (rows.some((row) => row === null || formatShape(row.shape) !== formatShape(inner))) return null;
  return { shape: [value.length, ...inner], data: (rows as Flat[]).flatMap((row) => Array.from(row.data)) };
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return `${value}`;
  return typeof value === "object" ? (value.constructor?.name ?? "an object") : typeof value;
}

/** The indices of an element in a shape, such as `[1,0,2]`. */
function placeOf(index: number, shape: readonly number[]): string {
  const place: number[] = [];
  let rest = index;
  for (let dim = shape.length - 1; dim >= 0; dim--) {
    place.unshift(rest % shape[dim]);
    rest = Math.floor(rest / shape[dim]);
  }
  return formatShape(place);
}

function compare(
  actual: unknown,
  expected: unknown,
  where: string,
  tolerance: Required<Tolerance>,
  into: Comparison,
): void {
  if (isNamed(expected) && isNamed(actual)) {
    for (const name of new Set([...Object.keys(expected), ...Object.keys(actual)])) {
      if (!Object.hasOwn(actual, name)) into.structure.push(`${where}${name} is missing`);
      else if (!Object.hasOwn(expected, name)) into.structure.push(`${where}${name} is not expected`);
      else compare(actual[name], expected[name], `${where}${name}`, tolerance, into);
    }
    return;
  }
  // tensors in an array may have different shapes
  const lists = Array.isArray(actual) && Array.isArray(expected) && actual.length === expected.length;
  const a = flatten(actual);
  const b = flatten(expected);
  if (lists && (!a || !b)) {
    for (let i = 0; i < actual.length; i++) compare(actual[i], expected[i], `${where}[${i}]`, tolerance, into);
    return;
  }
  if (!a || !b) {
    into.structure.push(`${where || "it"}: expected numbers, got ${describe(a ? expected : actual)}`);
    return;
  }
  if (formatShape(a.shape) !== formatShape(b.shape)) {
    into.structure.push(`${where || "it"}: expected shape ${formatShape(b.shape)}, got ${formatShape(a.shape)}`);
    return;
  }
  for (let i = 0; i < b.data.length; i++)
    compareNumbers(a.data[i], b.data[i], () => `${where}${placeOf(i, b.shape)}`, tolerance, into);
}

function compareNumbers(
  actual: number,
  expected: number,
  where: () => string,
  { rtol, atol, equalNan }: Required<Tolerance>,
  into: Comparison,
): void {
  into.compared++;
  if (actual === expected || (equalNan && Number.isNaN(actual) && Number.isNaN(expected))) return;
  const difference = Math.abs(actual - expected);
  // an infinite number is close only to itself; comparisons with NaN are false
  if (Number.isFinite(expected) && difference <= atol + rtol * Math.abs(expected)) return;
  into.apart++;
  const excess = Number.isNaN(difference) ? Infinity : difference;
  if (!into.worst || excess > into.worst.excess) into.worst = { where: where(), actual, expected, excess };
}

function check(op: string, actual: unknown, expected: unknown, given: Tolerance | undefined): MatcherResult {
  const tolerance = readOptions(op, given, { rtol: 1e-5, atol: 1e-8, equalNan: false });
  checkNumber(op, "rtol", tolerance.rtol, 0);
  checkNumber(op, "atol", tolerance.atol, 0);
  checkBoolean(op, "equalNan", tolerance.equalNan);
  if (!flatten(expected) && typeof expected !== "object") {
    throw new OptionError(`${op}: expected a tensor, numbers, or an object of these, got ${describe(expected)}`);
  }
  const report: Comparison = { structure: [], compared: 0, apart: 0, worst: null };
  compare(actual, expected, "", tolerance, report);
  const { structure, apart, compared, worst } = report;
  const bounds = `rtol ${tolerance.rtol}, atol ${tolerance.atol}`;
  const lines = [...structure];
  if (worst) {
    lines.push(
      `${apart} of ${compared} numbers are not close (${bounds}); the largest difference is ${worst.excess}, at ${worst.where}: expected ${worst.expected}, got ${worst.actual}`,
    );
  }
  const pass = lines.length === 0;
  return {
    pass,
    message: () => (pass ? `${op}: all ${compared} numbers are close (${bounds})` : `${op}: ${lines.join("\n")}`),
  };
}

/**
 * Matchers for Vitest and Jest. Call `expect.extend(matchers)` once. Then `expect(x).toBeAllClose(expected, {
 * rtol, atol })` compares shapes and numbers as `torch.allclose` does. dtypes are not compared. State dicts
 * and arrays of tensors are compared name by name.
 *
 * @example
 * ```ts
 * import { tensor } from "wasmgrad";
 * import { matchers } from "wasmgrad/testing";
 * // expect.extend(matchers);
 * // expect(tensor([1, 2]).div(3)).toBeAllClose([0.333333, 0.666667], { rtol: 1e-4 });
 * console.log(matchers.toBeAllClose(tensor([1, 2]), [1, 2.5]).pass); // false
 * ```
 */
export const matchers = {
  toBeAllClose(actual: unknown, expected: Comparable, tolerance?: Tolerance): MatcherResult {
    return check(NAME, actual, expected, tolerance);
  },
};

/**
 * `toBeAllClose` for other test runners: throws if the values are not close.
 *
 * @throws WasmgradError with the number of differences and the place of the largest one.
 * @example
 * ```ts
 * import { tensor } from "wasmgrad";
 * import { assertAllClose } from "wasmgrad/testing";
 * assertAllClose(tensor([1, 2]).div(4), [0.25, 0.5]);
 * try {
 *   assertAllClose({ bias: tensor([1, 2]) }, { bias: [1, 2.5] });
 * } catch (error) {
 *   console.log((error as Error).name); // WasmgradError
 * }
 * ```
 */
export function assertAllClose(actual: Comparable, expected: Comparable, tolerance?: Tolerance): void {
  const { pass, message } = check("assertAllClose", actual, expected, tolerance);
  if (!pass) throw new WasmgradError(message());
}
