/** Base class of all errors that this library throws intentionally. */
export class WasmgradError extends Error {
  override name = "WasmgradError";
}

/** Shapes that are not valid for the operation. */
export class ShapeError extends WasmgradError {
  override name = "ShapeError";
}

/** A dtype that the operation does not support. */
export class DTypeError extends WasmgradError {
  override name = "DTypeError";
}

/** An invalid argument or option: NaN, out of range, an unknown name, a wrong type. */
export class OptionError extends WasmgradError {
  override name = "OptionError";
}

/**
 * WebAssembly memory, or the limit set with `setMemoryLimit`, is exhausted. Existing tensors remain valid.
 */
export class OutOfMemoryError extends WasmgradError {
  override name = "OutOfMemoryError";
}

/**
 * The kernels cannot run: the engine has no WebAssembly or no SIMD, or refuses to compile them (for example
 * because of a page's Content-Security-Policy), or `useKernels` was called too late. If the
 * engine threw an error, `cause` is that error.
 */
export class KernelsError extends WasmgradError {
  override name = "KernelsError";
}

/** A tensor was used after its memory was released. */
export class ReleasedError extends WasmgradError {
  override name = "ReleasedError";
}

/**
 * `backward()` cannot run: there is no graph, the graph was released, or a saved tensor has since changed.
 */
export class AutogradError extends WasmgradError {
  override name = "AutogradError";
}

/** A file or download is missing, truncated, corrupt or not of the expected format. */
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
