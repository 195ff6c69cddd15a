import { DataError } from "../errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { readWholeFile, writeFileAtomically } from "./files.ts";
import { type Metadata, readSafetensors, type SafetensorsFile, writeSafetensors } from "./safetensors.ts";

/**
 * Writes tensors to a safetensors file (see `writeSafetensors`), atomically: on failure the old file stays as it was.
 * Node only. Matches `safetensors.torch.save_file`.
 *
 * @throws DataError when the file cannot be written.
 * @example
 * ```ts
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { tensor } from "wasmgrad";
 * import { loadSafetensors, saveSafetensors } from "wasmgrad/io";
 * const path = join(tmpdir(), "wasmgrad-example.safetensors");
 * saveSafetensors(path, { bias: tensor([1, 2, 3]) });
 * console.log(loadSafetensors(path).tensors.bias.toArray()); // [1, 2, 3]
 * ```
 */
export function saveSafetensors(
  path: string,
  tensors: Readonly<Record<string, Tensor>>,
  options?: { metadata?: Metadata },
): void {
  writeFileAtomically(path, writeSafetensors(tensors, options));
}

/**
 * Reads a safetensors file (see `readSafetensors`). Node only. Matches `safetensors.torch.load_file`.
 *
 * @throws DataError when the file is missing, cannot be read, or is not a whole, valid safetensors file.
 * @example
 * ```ts
 * import { loadSafetensors } from "wasmgrad/io";
 * try {
 *   loadSafetensors("no-such-file.safetensors");
 * } catch (error) {
 *   console.log((error as Error).name); // DataError
 * }
 * ```
 */
export function loadSafetensors(path: string): SafetensorsFile {
  const bytes = readWholeFile(path);
  try {
    return readSafetensors(bytes);
  } catch (error) {
    if (error instanceof DataError) throw new DataError(`${path}: ${error.message}`, { cause: error });
    throw error;
  }
}
