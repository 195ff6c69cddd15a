/**
 * Reads a checkpoint's JSON independently of the library, and converts states to a form that can be compared.
 */
import { Tensor } from "wasmgrad";
import { Refused } from "./json.ts";
import type { ReadFile } from "./safetensors.ts";

// biome-ignore lint/suspicious/noExplicitAny: states of any form
export type State = any;

/** Replaces tensors at any depth by their contents; all other values stay. */
export function plain(value: unknown): State {
  if (value instanceof Tensor) return { dtype: value.dtype, shape: [...value.shape], data: Array.from(value.data()) };
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
}

function refuse(json: State): never {
  throw new Refused(`state: ${JSON.stringify(json)}`);
}

const ARRAYS = { Uint8Array, Int32Array, Uint32Array, Float32Array, Float64Array } as const;

/** The state that the JSON of a checkpoint describes, in the form of `plain`. */
export function unpack(json: State, tensors: ReadFile["tensors"]): State {
  if (Array.isArray(json)) return json.map((item) => unpack(item, tensors));
  if (typeof json !== "object" || json === null) return json;
  if ("$tensor" in json) return tensors.get(json.$tensor) ?? refuse(json.$tensor);
  if ("$number" in json)
    return ["NaN", "Infinity", "-Infinity", "-0"].includes(json.$number) ? Number(json.$number) : refuse(json);
  if ("$bigint" in json) return /^-?[0-9]+$/.test(json.$bigint) ? BigInt(json.$bigint) : refuse(json);
  if ("$array" in json) {
    if (!Object.keys(ARRAYS).includes(json.$array) || !Array.isArray(json.values)) refuse(json);
    const values = json.values.map((item: State) => Number(unpack(item, tensors)));
    return ARRAYS[json.$array as keyof typeof ARRAYS].from(values);
  }
  return Object.fromEntries(Object.entries(json).map(([key, item]) => [key, unpack(item, tensors)]));
}
