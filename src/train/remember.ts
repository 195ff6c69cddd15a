import type { Stateful } from "../io/checkpoint.ts";
import type { DType, TypedArray } from "../ops/array.ts";
import { isPlainObject } from "../ops/typed_arrays.ts";
import { tensor } from "../tensor/creation.ts";
import { scope } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";

/** A tensor's elements outside of WebAssembly memory. */
class Copy {
  readonly data: TypedArray;
  readonly shape: readonly number[];
  readonly dtype: DType;

  constructor(source: Tensor) {
    this.data = source.data();
    this.shape = [...source.shape];
    this.dtype = source.dtype;
  }
}

/** Copies the present states. Returns what loads them again. */
export function rememberStates(parts: readonly Stateful[]): () => void {
  const states = parts.map((part) =>
    mapTree(part.stateDict(), (value) => (value instanceof Tensor ? new Copy(value) : value)),
  );
  const restored = (value: unknown) =>
    value instanceof Copy ? tensor(value.data, { shape: value.shape, dtype: value.dtype }) : value;
  return () =>
    scope(() => {
      for (const [i, part] of parts.entries()) part.loadStateDict(mapTree(states[i], restored));
    });
}

function mapTree(value: unknown, map: (leaf: unknown) => unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => mapTree(item, map));
  if (!isPlainObject(value)) return map(value);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mapTree(item, map)]));
}
