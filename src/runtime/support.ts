import { KernelsError, OutOfMemoryError, type WasmgradError } from "../errors.ts";

const EMPTY_MODULE = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0);
/** The smallest module with a SIMD instruction: `() => i8x16.popcnt(i8x16.splat(0))`. */
const SIMD_MODULE = Uint8Array.of(
  ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11],
);

const NO_WEBASSEMBLY =
  "expected an engine with WebAssembly, got one without (Node with --jitless and Safari in Lockdown Mode have none)";

function hasWebAssembly(): boolean {
  return typeof WebAssembly === "object" || typeof WebAssembly === "function";
}

/** Whether the engine supports all instructions of a module. It may still refuse to compile the module. */
export function isValid(bytes: Uint8Array<ArrayBuffer>): boolean {
  try {
    return WebAssembly.validate(bytes);
  } catch {
    return false;
  }
}

/** The message of an error from outside the library, on one line, without a full stop at the end. */
export function wordsOf(error: unknown): string {
  try {
    return String(error).replace(/\s+/g, " ").replace(/\.$/, "");
  } catch {
    return "an error without a text";
  }
}

/** Whether an error of the engine reports a lack of memory or address space. */
function isShortOfMemory(error: unknown): boolean {
  const words = wordsOf(error);
  return /^(RangeError|InternalError|(Error: )?out of memory)/i.test(words) && /memory|allocat/i.test(words);
}

/** The error to throw if the engine refuses memories of all sizes. `cause` is the engine's error. */
export function memoryRefused(cause: unknown): WasmgradError {
  if (!hasWebAssembly()) return new KernelsError(`memory: ${NO_WEBASSEMBLY}`, { cause });
  if (!isShortOfMemory(cause)) {
    return new KernelsError(`memory: expected a WebAssembly.Memory, the engine refuses it (${wordsOf(cause)})`, {
      cause,
    });
  }
  return new OutOfMemoryError(
    `out of memory: expected a WebAssembly.Memory, the system gives none of any size (${wordsOf(cause)}). It is short of address ` +
      "space: raise the limit (`ulimit -v`, a container's); or start Node with --disable-wasm-trap-handler, which needs 10 GB less.",
    { cause },
  );
}

/** The error to throw if the engine refuses the kernels. `cause` is the engine's error. */
export function kernelsRefused(cause: unknown): WasmgradError {
  if (!hasWebAssembly()) return new KernelsError(`kernels: ${NO_WEBASSEMBLY}`, { cause });
  const words = wordsOf(cause);
  if (/simd/i.test(words) || (isValid(EMPTY_MODULE) && !isValid(SIMD_MODULE))) {
    return new KernelsError(
      "kernels: expected an engine with WebAssembly SIMD (Node 16.4, Chrome and Edge 91, Firefox 89, Safari 16.4 or later, on a " +
        `processor that has it), got one without (${words})`,
      { cause },
    );
  }
  if (isShortOfMemory(cause)) {
    return new OutOfMemoryError(`out of memory: the engine has none for the code of the kernels (${words})`, { cause });
  }
  return new KernelsError(
    `kernels: expected leave to compile WebAssembly, the engine refuses it (${words}). On a page with a Content-Security-Policy, ` +
      "allow script-src 'wasm-unsafe-eval' (in an extension: content_security_policy of its manifest). Where modules are compiled " +
      'ahead, as in Cloudflare Workers, import "wasmgrad/kernels.wasm" and call useKernels() with it before the first operation.',
    { cause },
  );
}

let compiles: boolean | undefined;

/** Whether the engine can compile modules with SIMD or does not need to. Tested only once. */
export function hasCompiler(): boolean {
  if (compiles === undefined) {
    try {
      compiles = new WebAssembly.Module(SIMD_MODULE) !== undefined;
    } catch {
      compiles = false;
    }
  }
  return compiles;
}

/** Records that the user passed a compiled module, so that nothing needs to be compiled. */
export function needNoCompiler(): void {
  compiles = true;
}
