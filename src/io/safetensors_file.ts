import { DataError } from "../errors.ts";
import { scope } from "../tensor/lifetime/scoped.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { withFileSource, writeFileAtomically } from "./files.ts";
import { type ByteSource, readFrom } from "./pieces.ts";
import { readNames } from "./safetensors.ts";
import type { Metadata } from "./safetensors_header.ts";
import { type ReadSafetensorsOptions, readingSafetensors, type SafetensorsFile } from "./safetensors_read.ts";
import { layOut } from "./safetensors_write.ts";

/**
 * Writes tensors to a safetensors file (see `writeSafetensors`), atomically: on failure an existing file
 * remains unchanged. It is written in pieces, without a second copy of the tensors. Node only. Matches
 * `safetensors.torch.save_file`.
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
  writeFileAtomically(path, layOut(tensors, options).pieces);
}

/**
 * Reads a safetensors file (see `readSafetensors`) in pieces, without a second copy of the tensors. Node
 * only. Matches `safetensors.torch.load_file`.
 *
 * @param options `names`: the tensors to read (default all). Other tensors cost neither time nor memory.
 * @throws DataError when the file is missing, cannot be read, is not a complete, valid safetensors file, or
 *   lacks one of `names`; OutOfMemoryError when the tensors do not fit into memory.
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
export function loadSafetensors(path: string, options?: ReadSafetensorsOptions): SafetensorsFile {
  const names = readNames(options);
  return readNamedFile(path, (source) => scope(() => readFrom(source, readingSafetensors(source.size, names))));
}

/** Reads a file. Errors about its contents name the file. */
export function readNamedFile<T>(path: string, read: (source: ByteSource) => T): T {
  return withFileSource(path, (source) => {
    try {
      return read(source);
    } catch (error) {
      if (!(error instanceof DataError) || error.message.startsWith(path)) throw error;
      throw new DataError(`${path}: ${error.message}`, { cause: error });
    }
  });
}
