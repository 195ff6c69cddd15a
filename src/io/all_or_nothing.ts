import { OutOfMemoryError } from "../errors.ts";
import type { DType, TypedArray } from "../ops/core/array.ts";
import { scope } from "../tensor/lifetime/scoped.ts";
import { Tensor } from "../tensor/tensor.ts";
import { isPlainObject, kindOfTypedArray } from "../typed_arrays.ts";
import type { Stateful } from "./checkpoint.ts";
import { DeferredTensors } from "./deferred_tensors.ts";

/** A copy of a tensor's elements outside WebAssembly memory. */
class Copy {
  readonly data: TypedArray;
  readonly shape: readonly number[];
  readonly dtype: DType;

  constructor(op: string, source: Tensor) {
    this.shape = source.shape;
    this.dtype = source.dtype;
    try {
      this.data = source.data();
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause;
      throw new OutOfMemoryError(
        `${op}: the current state is copied before loading, to restore it if loading fails; ` +
          `no memory for ${4 * source.numel()} bytes of it (${cause.message})`,
        { cause },
      );
    }
  }
}

/** Whether an outer call already holds copies of the current states. */
let isKept = false;

/**
 * Runs `load`, which loads states into the parts. If it throws, the parts get their previous states back.
 * Until `load` returns, a copy of the previous states is kept outside WebAssembly memory. There is only one
 * copy, even when a part calls this function again for its own parts.
 */
export function allOrNothing<T>(op: string, parts: readonly Stateful[], load: () => T): T {
  if (isKept) return load(); // the outer call restores these parts as well
  const restore = rememberStates(op, parts);
  isKept = true;
  try {
    return load();
  } catch (error) {
    restore();
    throw error;
  } finally {
    isKept = false;
  }
}

/** Copies the current states. Returns a function that restores them. */
function rememberStates(op: string, parts: readonly Stateful[]): () => void {
  const states = scope(() => parts.map((part) => copyOf(op, part.stateDict())));
  return () =>
    scope(() => {
      const deferred = new DeferredTensors();
      for (const [i, part] of parts.entries()) part.loadStateDict(restored(states[i], deferred));
    });
}

function copyOf(op: string, state: unknown): unknown {
  return mapTree(state, (value) => {
    if (value instanceof Tensor) return new Copy(op, value);
    return kindOfTypedArray(value) ? (value as TypedArray).slice() : value;
  });
}

function restored(state: unknown, deferred: DeferredTensors): unknown {
  return mapTree(state, (value) =>
    value instanceof Copy ? deferred.make(value.shape, value.dtype, (view) => view().set(value.data)) : value,
  );
}

function mapTree(value: unknown, map: (leaf: unknown) => unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => mapTree(item, map));
  if (!isPlainObject(value)) return map(value);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mapTree(item, map)]));
}
