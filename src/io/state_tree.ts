import { DataError, OptionError } from "../errors.ts";
import { Tensor } from "../tensor/tensor.ts";
import { isPlainObject, kindOfTypedArray } from "../typed_arrays.ts";

/**
 * A state dict as JSON, without its tensors. The JSON and the named tensors fit into one safetensors file.
 * State dicts may contain plain objects, arrays, numbers, strings, booleans, null, bigints, tensors and typed
 * arrays. Every number is restored exactly.
 */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const ARRAYS = { Uint8Array, Int32Array, Uint32Array, Float32Array, Float64Array };

/**
 * Converts `value` to JSON. Its tensors are added to `tensors` under their paths, which begin with `path`.
 *
 * @param around the arrays and objects that contain the value, to detect cycles
 * @throws OptionError for values that cannot be saved: functions, class instances, names that begin with "$".
 */
export function packState(
  value: unknown,
  path: string,
  tensors: Map<string, Tensor>,
  around: readonly unknown[] = [],
): Json {
  if (around.includes(value)) throw new OptionError(`saveCheckpoint: ${path} cannot be saved: it contains itself`);
  if (value instanceof Tensor) {
    if (tensors.has(path)) throw new OptionError(`saveCheckpoint: two tensors are called "${path}"`);
    tensors.set(path, value);
    return { $tensor: path };
  }
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number") {
    return Number.isFinite(value) && !Object.is(value, -0)
      ? value
      : { $number: Object.is(value, -0) ? "-0" : `${value}` };
  }
  if (typeof value === "bigint") return { $bigint: `${value}` };
  if (Array.isArray(value)) {
    return value.map((item, i) => packState(item, `${path}.${i}`, tensors, [...around, value]));
  }
  const kind = kindOfTypedArray(value);
  if (kind && Object.hasOwn(ARRAYS, kind)) {
    return { $array: kind, values: Array.from(value as Float64Array, (item) => packState(item, path, tensors)) };
  }
  if (!isPlainObject(value)) {
    throw new OptionError(`saveCheckpoint: ${path} cannot be saved: ${typeof value} ${String(value).slice(0, 60)}`);
  }
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(
    entries.map(([key, item]) => {
      if (key.startsWith("$")) throw new OptionError(`saveCheckpoint: ${path}: a name cannot begin with "$": "${key}"`);
      return [key, packState(item, `${path}.${key}`, tensors, [...around, value])];
    }),
  );
}

/**
 * The inverse of `packState`: returns the value that was packed.
 *
 * @throws DataError when the JSON was not written by `packState`, or names a missing tensor.
 */
export function unpackState(json: Json, tensors: Readonly<Record<string, Tensor>>): unknown {
  if (json === null || typeof json !== "object") return json;
  if (Array.isArray(json)) return json.map((item) => unpackState(item, tensors));
  const { $tensor, $number, $bigint, $array, values } = json;
  if (typeof $tensor === "string" && Object.hasOwn(tensors, $tensor)) return tensors[$tensor];
  if (typeof $number === "string" && /^(-0|-?Infinity|NaN)$/.test($number)) return Number($number);
  if (typeof $bigint === "string" && /^-?\d+$/.test($bigint)) return BigInt($bigint);
  if (typeof $array === "string" && Object.hasOwn(ARRAYS, $array) && Array.isArray(values)) {
    return ARRAYS[$array as keyof typeof ARRAYS].from(values.map((item) => Number(unpackState(item, tensors))));
  }
  if (Object.keys(json).some((key) => key.startsWith("$"))) {
    throw new DataError(`loadCheckpoint: cannot read ${JSON.stringify(json).slice(0, 80)}`);
  }
  return Object.fromEntries(Object.entries(json).map(([key, item]) => [key, unpackState(item, tensors)]));
}
