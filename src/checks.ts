import { formatShape, OptionError, WasmgradError } from "./errors.ts";
import { toJsonNumber } from "./json_number.ts";

/**
 * Reads an options object: all names must be known; missing or undefined options get their defaults.
 * `options("avgPool2d", given, { stride: null, padding: 0 })`
 */
export function readOptions<T extends object>(op: string, given: Partial<T> | undefined, defaults: T): T {
  if (given === undefined) return defaults;
  if (given === null || typeof given !== "object" || Array.isArray(given)) {
    throw new OptionError(`${op}: options expected an object, got ${describe(given)}`);
  }
  const result = { ...defaults } as Record<string, unknown>;
  for (const [name, value] of Object.entries(given)) {
    if (!(name in defaults)) {
      throw new OptionError(`${op}: unknown option "${name}" (known: ${Object.keys(defaults).join(", ") || "none"})`);
    }
    if (value !== undefined) result[name] = value;
  }
  return result as T;
}

/** Maximum number of characters of a value that an error shows. */
const MOST_SHOWN = 100;

/**
 * Describes a value for an error: numbers as JavaScript prints them (JSON has no NaN); tensors, promises,
 * classes and functions by their kind.
 */
export function describe(value: unknown): string {
  if (typeof value === "function") {
    const isClass = /^class\b/.test(Function.prototype.toString.call(value));
    return isClass ? `the class ${value.name} (write new ${value.name}(...))` : "a function";
  }
  if (typeof value === "symbol") return "a symbol";
  if (isPromise(value)) return "a Promise (await it first)";
  if (typeof value === "object" && value !== null) {
    const { dtype, shape } = value as { dtype?: unknown; shape?: readonly number[] };
    if (typeof dtype === "string" && Array.isArray(shape)) return `a ${dtype} tensor of shape ${formatShape(shape)}`;
    const kind = value.constructor?.name;
    if (kind && kind !== "Object" && kind !== "Array") return `an object of the class ${kind}`;
  }
  if (typeof value !== "object" && typeof value !== "string") return String(value);
  const text = toText(value);
  return text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}...` : text;
}

function toText(value: unknown): string {
  try {
    return JSON.stringify(value, (_, item) => toJsonNumber(item));
  } catch {
    return Array.isArray(value) ? "an array" : "an object"; // JSON.stringify fails on cycles and bigints
  }
}

/** Runs a composition of other operations. Their errors name `op`, which is what the user has called. */
export function composed<T>(op: string, compute: () => T): T {
  try {
    return compute();
  } catch (error) {
    if (error instanceof WasmgradError) error.message = error.message.replace(/^\w+:/, `${op}:`);
    throw error;
  }
}

/** Whether a value is an object, but not an array. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether a value is a Promise, or anything else that can be awaited. */
export function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === "function";
}

/** Whether a value is a function that is declared `async`. */
export function isAsyncFunction(value: unknown): boolean {
  return Object.prototype.toString.call(value) === "[object AsyncFunction]";
}

/** Checks that a value is a finite number in `[min, max]`. By default there are no bounds. */
export function checkNumber(op: string, name: string, value: unknown, min = -Infinity, max = Infinity): number {
  if (typeof value !== "number" || !Number.isFinite(value) || value < min || value > max) {
    const bounds = min === -Infinity && max === Infinity ? "" : ` in [${min}, ${max}]`;
    throw new OptionError(`${op}: ${name} expected a finite number${bounds}, got ${describe(value)}`);
  }
  return value;
}

/** The bounds of an integer as words, unless they are those of all 32-bit integers. */
function boundsText(min: number, max: number): string {
  if (max !== 2 ** 31 - 1) return ` in [${min}, ${max}]`;
  return min === -(2 ** 31) ? "" : ` >= ${min}`;
}

/** Checks that a value is an integer in `[min, max]`. */
export function checkInteger(op: string, name: string, value: unknown, min: number, max = 2 ** 31 - 1): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < min || value > max) {
    throw new OptionError(`${op}: ${name} expected an integer${boundsText(min, max)}, got ${describe(value)}`);
  }
  return value;
}

/** Checks that a value is an integer or an array of integers in `[min, max]`; returns the array. */
export function checkIntegers(op: string, name: string, value: unknown, min: number, max = 2 ** 31 - 1): number[] {
  return (Array.isArray(value) ? value : [value]).map((item) => checkInteger(op, name, item, min, max));
}

/** `3` or `[3, 5]` (height, width). */
export type Pair = number | readonly [number, number] | readonly number[];

export function checkPair(op: string, name: string, value: Pair, min: number): [number, number] {
  if (Array.isArray(value)) {
    if (value.length !== 2) throw new OptionError(`${op}: ${name} expected one integer or two, got ${describe(value)}`);
    return [checkInteger(op, name, value[0], min), checkInteger(op, name, value[1], min)];
  }
  const both = checkInteger(op, name, value, min);
  return [both, both];
}

/** Checks that a value is one of the given names. */
export function checkChoice<T extends string>(op: string, name: string, value: unknown, choices: readonly T[]): T {
  if (!choices.includes(value as T)) {
    throw new OptionError(`${op}: ${name} expected one of ${choices.join(", ")}, got ${describe(value)}`);
  }
  return value as T;
}

export function checkBoolean(op: string, name: string, value: unknown): boolean {
  if (typeof value !== "boolean")
    throw new OptionError(`${op}: ${name} expected true or false, got ${describe(value)}`);
  return value;
}

/** Checks that a value is a function. */
export function checkFunction(op: string, name: string, value: unknown): void {
  if (typeof value !== "function") throw new OptionError(`${op}: ${name} expected a function, got ${describe(value)}`);
}

/** Describes an unexpected value that a user's function returned, and the probable reason. */
export function describeReturned(value: unknown): string {
  if (value === undefined) return "undefined: does it return its result?";
  if (isPromise(value)) return "a Promise: the function must not be asynchronous; await the values it needs beforehand";
  if (typeof value === "function") return `${describe(value)}: must it be called first?`;
  return describe(value);
}

/**
 * Throws if a function's result is a promise. A state such as a scope or a mode ends when the function
 * returns, which is too early for an async function.
 */
export function refusePromise<T>(op: string, result: T, advice = ""): T {
  if (isPromise(result)) {
    throw new OptionError(`${op}: expected a synchronous function, it returned a Promise${advice}`);
  }
  return result;
}
