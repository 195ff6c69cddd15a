import { isObject } from "../checks.ts";
import * as errors from "../errors.ts";
import { OptionError } from "../errors.ts";

/** Marks this library's messages: a program may send its own through the same worker. */
const MARK = "wasmgrad worker 1";

/** What the page asks of the worker. `id` is the number of a run. */
export type ToWorker =
  | { type: "hello" }
  | { type: "run"; id: number; task: string; input: unknown; state: Uint8Array | null }
  | { type: "stop" | "pause" | "resume"; id: number }
  | { type: "save"; id: number; request: number };

/** What the worker answers. */
export type ToPage =
  | { type: "ready" }
  | { type: "progress"; id: number; value: unknown }
  | { type: "saved"; id: number; request: number; bytes: Uint8Array }
  | { type: "notSaved"; id: number; request: number; error: ErrorMessage }
  | { type: "result"; id: number; value: unknown }
  | { type: "error"; id: number; error: ErrorMessage };

/** An error, as plain data. */
export interface ErrorMessage {
  name: string;
  message: string;
  stack: string;
}

export function mark<M extends ToWorker | ToPage>(message: M): M & { mark: string } {
  return { ...message, mark: MARK };
}

/** Whether a message is one of this library's. */
export function isMarked(data: unknown): boolean {
  return isObject(data) && data.mark === MARK;
}

/** The lists of `transfer`. */
const transfers = new WeakMap<object, readonly object[]>();

/**
 * Marks what a value, sent to or from a worker, gives away instead of copying: `ArrayBuffer`s,
 * `ImageBitmap`s, `OffscreenCanvas`es. The sender cannot use them afterwards. Returns the value.
 *
 * @example
 * ```ts
 * import { transfer } from "wasmgrad/worker";
 * const pixels = new Uint8ClampedArray(4 * 32 * 32);
 * const message = transfer({ width: 32, pixels }, [pixels.buffer]);
 * console.log(message.width); // 32
 * ```
 */
export function transfer<T extends object>(value: T, list: readonly object[]): T {
  if (!isObject(value) && !ArrayBuffer.isView(value) && !Array.isArray(value)) {
    throw new OptionError("transfer: expected an object and a list of what it gives away");
  }
  if (!Array.isArray(list))
    throw new OptionError("transfer: expected an array of ArrayBuffers, ImageBitmaps or the like");
  transfers.set(value, list);
  return value;
}

/** What a value gives away. */
export function transfersOf(value: unknown): readonly object[] {
  return (isObject(value) || Array.isArray(value) ? transfers.get(value as object) : undefined) ?? [];
}

/**
 * Whether a value is or contains a tensor. By its form, because a page that only connects to a worker does
 * not load the tensors and their kernels.
 */
function hasTensor(value: unknown, seen: Set<unknown>): boolean {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value) || seen.has(value)) return false;
  seen.add(value);
  const { handle, dtype } = value as { handle?: unknown; dtype?: unknown };
  if (isObject(handle) && "block" in handle && typeof dtype === "string") return true;
  const parts = value instanceof Map || value instanceof Set ? [...value].flat() : Object.values(value);
  return parts.some((part) => hasTensor(part, seen));
}

/**
 * Posts a message that contains a user's value.
 *
 * @param op names the function and the value in errors
 */
export function postValue(op: string, value: unknown, post: (list: readonly object[]) => void): void {
  if (hasTensor(value, new Set())) {
    throw new OptionError(
      `${op} expected plain data, got a tensor, whose elements stay where it is; send its data(), or writeSafetensors() of several`,
    );
  }
  try {
    post(transfersOf(value));
  } catch (cause) {
    throw new OptionError(`${op} cannot be sent as a message: ${(cause as Error)?.message ?? cause}`, { cause });
  }
}

type ErrorClass = new (message: string) => Error;

const KNOWN = {
  ...errors,
  ...{ Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError },
} as unknown as Record<string, ErrorClass>;

export function toErrorMessage(thrown: unknown): ErrorMessage {
  const { name, message, stack } = (thrown ?? {}) as Partial<Error>;
  if (typeof message !== "string") return { name: "Error", message: String(thrown), stack: "" };
  return { name: name ?? "Error", message, stack: stack ?? "" };
}

/** The worker's error: of the same class if this side knows the class, and with the worker's stack. */
export function errorOf({ name, message, stack }: ErrorMessage): Error {
  const isKnown = name.endsWith("Error") && Object.hasOwn(KNOWN, name);
  const error = new KNOWN[isKnown ? name : "Error"](message);
  if (!isKnown) error.name = name;
  if (stack) error.stack = stack;
  return error;
}
