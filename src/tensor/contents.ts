import type { NDArray } from "../ops/core/array.ts";

const READ: Record<PropertyKey, (array: NDArray) => unknown> = {
  dtype: (array) => array.dtype,
  shape: (array) => [...array.shape],
  data: (array) => array.view().slice(),
};

/**
 * Presents a tensor's array as a plain object `{ dtype, shape, data }`, which reads the elements only on
 * access.
 *
 * Test runners compare own properties, and a tensor's elements are in WebAssembly memory. Without this
 * object, any two tensors would therefore compare as equal. A getter on each tensor would also work, but
 * takes ten times as long to create as a proxy. A proxy also makes `structuredClone` and `postMessage` throw;
 * otherwise they would silently drop the elements.
 */
export const CONTENTS: ProxyHandler<NDArray> = {
  ownKeys: () => Object.keys(READ),
  has: (_, key) => Object.hasOwn(READ, key) || key in Object.prototype,
  get: (array, key) => (Object.hasOwn(READ, key) ? READ[key](array) : Reflect.get(Object.prototype, key)),
  getOwnPropertyDescriptor: (array, key) =>
    Object.hasOwn(READ, key) ? { get: () => READ[key](array), enumerable: true, configurable: true } : undefined,
  getPrototypeOf: () => Object.prototype,
  set: () => false,
  defineProperty: () => false,
  deleteProperty: () => false,
  setPrototypeOf: () => false,
  preventExtensions: () => false,
};
