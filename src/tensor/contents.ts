import type { NDArray } from "../ops/core/array.ts";

const READ: Record<PropertyKey, (array: NDArray) => unknown> = {
  dtype: (array) => array.dtype,
  shape: (array) => [...array.shape],
  data: (array) => array.view().slice(),
};

/**
 * Shows a tensor's array as a plain object `{ dtype, shape, data }`, which reads the numbers only on access.
 *
 * Test runners compare own properties. A tensor's numbers lie in WebAssembly memory, where no comparison
 * finds them: without this, any two tensors would be equal to them. A getter on each tensor would do as well,
 * but takes ten times as long to make as a proxy. A proxy also makes `structuredClone` and `postMessage`
 * throw where they would leave the numbers behind.
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
