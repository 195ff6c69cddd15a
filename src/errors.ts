/**
 * Base class of all errors that this library throws intentionally, and the class of the rare ones that fit no
 * other, such as a failure inside the library.
 *
 * What to do: read the message. `instanceof WasmgradError` distinguishes the library's errors from others.
 */
export class WasmgradError extends Error {
  override name = "WasmgradError";
}

/**
 * Shapes that are not valid for the operation.
 *
 * What to do: compare the shapes in the message with those that the operation expects, and print `x.shape` on
 * the lines before. `reshape`, `unsqueeze`, `flatten` and `transpose` change a shape.
 *
 * @example
 * ```ts
 * import { rand } from "wasmgrad";
 * try {
 *   rand([2, 3]).matmul(rand([2, 3]));
 * } catch (error) {
 *   console.log(String(error));
 * }
 * ```
 */
export class ShapeError extends WasmgradError {
  override name = "ShapeError";
}

/**
 * A dtype that the operation does not support.
 *
 * What to do: convert the tensor, by `x.float()`, `x.int()` or `x.bool()`, or make it with another `dtype`.
 *
 * @example
 * ```ts
 * import { tensor } from "wasmgrad";
 * try {
 *   tensor([1, 2], { dtype: "int32", requiresGrad: true });
 * } catch (error) {
 *   console.log(String(error));
 * }
 * ```
 */
export class DTypeError extends WasmgradError {
  override name = "DTypeError";
}

/**
 * An invalid argument or option: NaN, out of range, an unknown name, a wrong type. Nothing was changed.
 *
 * What to do: the message names the argument, what was expected and what came.
 *
 * @example
 * ```ts
 * import { nn } from "wasmgrad";
 * try {
 *   new nn.Dropout(2);
 * } catch (error) {
 *   console.log(String(error));
 * }
 * ```
 */
export class OptionError extends WasmgradError {
  override name = "OptionError";
}

/**
 * WebAssembly memory, or the limit set with `setMemoryLimit`, is exhausted. Existing tensors remain valid.
 *
 * What to do: use smaller batches, run what needs no gradient inside `noGrad`, and look with `memory()` for
 * tensors that a program keeps without need. `checkpoint` trades memory for time.
 */
export class OutOfMemoryError extends WasmgradError {
  override name = "OutOfMemoryError";
}

/**
 * The kernels cannot run: the engine has no WebAssembly or no SIMD, or refuses to compile them (for example
 * because of a page's Content-Security-Policy), or `useKernels` was called too late. If the
 * engine threw an error, `cause` is that error.
 *
 * What to do: allow `script-src 'wasm-unsafe-eval'`, use a newer engine, or pass a compiled module to
 * `useKernels` before the first operation.
 */
export class KernelsError extends WasmgradError {
  override name = "KernelsError";
}

/**
 * A tensor was used after its memory was released. The message says what released it.
 *
 * What to do: return the tensor from its scope, or pass it to `keep`; do not use it after `release()`.
 *
 * @example
 * ```ts
 * import { rand } from "wasmgrad";
 * const x = rand([2]);
 * x.release();
 * try {
 *   x.sum();
 * } catch (error) {
 *   console.log(String(error));
 * }
 * ```
 */
export class ReleasedError extends WasmgradError {
  override name = "ReleasedError";
}

/**
 * `backward()` cannot run: there is no graph, the graph was released, or a saved tensor has since changed.
 *
 * What to do: compute the loss outside `noGrad`, from tensors with `requiresGrad`, and once for each
 * `backward()`, or pass `retainGraph: true`. Change tensors in place only after `backward()`.
 *
 * @example
 * ```ts
 * import { tensor } from "wasmgrad";
 * const loss = tensor([1, 2], { requiresGrad: true }).square().sum();
 * loss.backward();
 * try {
 *   loss.backward();
 * } catch (error) {
 *   console.log(String(error));
 * }
 * ```
 */
export class AutogradError extends WasmgradError {
  override name = "AutogradError";
}

/**
 * A file or download is missing, truncated, corrupt or not of the expected format, or cannot be written.
 *
 * What to do: the message names the file and what is wrong with it; `cause` is the error of the system, if
 * there is one. Download a damaged file again. A failed write has left the old file as it was.
 *
 * @example
 * ```ts
 * import { loadSafetensors } from "wasmgrad/io";
 * try {
 *   loadSafetensors("missing.safetensors");
 * } catch (error) {
 *   console.log(String(error));
 * }
 * ```
 */
export class DataError extends WasmgradError {
  override name = "DataError";
}

/**
 * A `stateDict` that does not fit the module or optimizer it is loaded into. Nothing was changed.
 *
 * What to do: build the module with the sizes of the one that was saved. For a part of the names, pass
 * `{ strict: false }`.
 *
 * @example
 * ```ts
 * import { nn } from "wasmgrad";
 * try {
 *   new nn.Linear(2, 3).loadStateDict(new nn.Linear(4, 3).stateDict());
 * } catch (error) {
 *   console.log(String(error));
 * }
 * ```
 */
export class StateDictError extends WasmgradError {
  override name = "StateDictError";
}

/**
 * Several processes cannot train together: koffi or MPI is missing, the launcher and the library do not
 * belong together, ranks differ in what must be equal, or a rank did not come to where the others wait.
 *
 * What to do: the message names the rank, what it waited for, or the packages to install. An error on one
 * rank ends the whole job; training continues from the last checkpoint, on any number of ranks.
 *
 * @example
 * ```ts
 * import { initProcessGroup } from "wasmgrad/distributed";
 * const group = initProcessGroup();
 * group.destroy();
 * try {
 *   group.barrier();
 * } catch (error) {
 *   console.log(String(error));
 * }
 * ```
 */
export class DistributedError extends WasmgradError {
  override name = "DistributedError";
}

/** Formats a shape as `[2,3,4]`. */
export function formatShape(shape: readonly number[]): string {
  return `[${shape.join(",")}]`;
}
