/** Base class of every error this library throws on purpose. */
export class WasmgradError extends Error {
  override name = "WasmgradError";
}

/** Shapes that do not fit the operation. */
export class ShapeError extends WasmgradError {
  override name = "ShapeError";
}

/** A dtype the operation does not take. */
export class DTypeError extends WasmgradError {
  override name = "DTypeError";
}

/** A bad value among arguments or options: NaN, out of range, unknown name, wrong type. */
export class OptionError extends WasmgradError {
  override name = "OptionError";
}

/** WebAssembly memory (or the limit set with `setMemoryLimit`) is exhausted; live tensors are intact. */
export class OutOfMemoryError extends WasmgradError {
  override name = "OutOfMemoryError";
}

/**
 * The kernels cannot run: the engine has no WebAssembly or no SIMD, or refuses to compile them (as a page's
 * Content-Security-Policy may), or `useKernels` came too late. `cause` is the engine's own error.
 */
export class KernelsError extends WasmgradError {
  override name = "KernelsError";
}

/** A tensor was used after its memory was released. */
export class ReleasedError extends WasmgradError {
  override name = "ReleasedError";
}

/** `backward()` cannot run: no graph, a graph already released, or a saved tensor that changed since. */
export class AutogradError extends WasmgradError {
  override name = "AutogradError";
}

/** A file or download that is missing, truncated, corrupt or of another kind than expected. */
export class DataError extends WasmgradError {
  override name = "DataError";
}

/** A `stateDict` that does not fit the module or optimizer it is loaded into. */
export class StateDictError extends WasmgradError {
  override name = "StateDictError";
}

/** Formats a shape as `[2,3,4]`. */
export function formatShape(shape: readonly number[]): string {
  return `[${shape.join(",")}]`;
}
