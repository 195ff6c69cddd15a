import { OptionError } from "./errors.ts";

// `instanceof` recognises only the classes of one realm. Typed arrays of another realm (an iframe, `node:vm`,
// Electron, Jest) have other classes, but the same internal slots, which these getters read.
const getter = (prototype: object, name: PropertyKey): (() => unknown) | undefined =>
  Object.getOwnPropertyDescriptor(prototype, name)?.get;
const tag = getter(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag) as () => string | undefined;
const lengths = [ArrayBuffer, typeof SharedArrayBuffer === "undefined" ? null : SharedArrayBuffer].map(
  (type) => type && getter(type.prototype, "byteLength"),
);

/**
 * The class name of a typed array of any realm, such as "Float32Array"; undefined for anything else,
 * including a DataView.
 */
export function kindOfTypedArray(value: unknown): string | undefined {
  return tag.call(value);
}

/** Whether `value` is an ArrayBuffer or a SharedArrayBuffer, of any realm. */
export function isBuffer(value: unknown): value is ArrayBuffer {
  return lengths.some((length) => {
    try {
      return length?.call(value) !== undefined;
    } catch {
      return false;
    }
  });
}

/** Whether a value is an object whose class is `Object` of any realm, or that has no class. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || (Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, "isPrototypeOf"));
}

/** `Uint8Array<ArrayBuffer>`, in declarations that compilers before TypeScript 5.7 can read. */
export type OwnBytes = ReturnType<Uint8ArrayConstructor["of"]>;

/** Objects accepted as bytes, of any realm. */
export type Bytes = Uint8Array | Uint8ClampedArray | DataView | ArrayBufferLike;

/** The kind of a value, for an error message. */
export function nameKind(value: unknown): string {
  if (value === null || typeof value !== "object") return value === null ? "null" : typeof value;
  return kindOfTypedArray(value) ?? (value.constructor?.name || "an object");
}

/**
 * A view of the bytes as a Uint8Array of this realm.
 *
 * @throws OptionError for anything else, including arrays of larger elements, whose bytes are ambiguous.
 */
export function viewBytes(op: string, value: unknown): Uint8Array {
  if (isBuffer(value)) return new Uint8Array(value);
  const kind = kindOfTypedArray(value);
  if (kind === "Uint8Array" || kind === "Uint8ClampedArray" || (kind === undefined && ArrayBuffer.isView(value))) {
    const { buffer, byteOffset, byteLength } = value as Uint8Array;
    return new Uint8Array(buffer, byteOffset, byteLength);
  }
  throw new OptionError(`${op}: expected bytes (a Uint8Array or an ArrayBuffer), got ${nameKind(value)}`);
}
