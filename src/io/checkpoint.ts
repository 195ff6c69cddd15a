import { checkInteger, readOptions } from "../checks.ts";
import { startingThreads } from "../runtime/start_threads.ts";
import { Scope } from "../tensor/lifetime/scope.ts";
import {
  type CheckpointOptions,
  type CheckpointParts,
  type CheckpointPosition,
  checkParts,
  layOutCheckpoint,
  loadFrom,
  noParts,
} from "./checkpoint_format.ts";
import type { FetchOptions } from "./fetch_file.ts";
import { bytesSource, readFromBlob } from "./pieces.ts";
import { checkPath, isLater, type LoadPlace, openPlace, type SavePlace, savePieces } from "./places.ts";
import { readNamedFile } from "./safetensors_file.ts";

export type { CheckpointOptions, CheckpointParts, CheckpointPosition, Stateful } from "./checkpoint_format.ts";

/**
 * Saves everything needed to continue training exactly from this point: the states of the given parts and of
 * the default random generator. The checkpoint is one safetensors file. Weights are named `model.…`;
 * everything other than tensors is JSON in the metadata. The file is written atomically: on failure an
 * existing file remains unchanged.
 *
 * @param place the path of a file (Node, Deno, Bun), which is written at once. In a page: a file that the
 *   browser keeps, such as "opfs:run.safetensors", or a `FileSystemFileHandle`; then the result is a promise.
 *   The file has the states at the time of the call.
 * @throws OptionError for an unknown option, a value in `extra` that cannot be saved, or a path where there
 *   are no files; DataError when the file cannot be written.
 * @example
 * ```ts
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { nn, optim } from "wasmgrad";
 * import { loadCheckpoint, saveCheckpoint } from "wasmgrad/io";
 * const path = join(tmpdir(), "wasmgrad-example-checkpoint.safetensors");
 * const model = new nn.Linear(2, 1);
 * const optimizer = new optim.Adam(model.parameters(), { lr: 0.01 });
 * saveCheckpoint(path, { model, optimizer, epoch: 3, step: 750 });
 * console.log(loadCheckpoint(path, { model, optimizer }).epoch); // 3
 * ```
 */
export function saveCheckpoint(place: SavePlace, options: CheckpointOptions): Promise<void>;
export function saveCheckpoint(path: string, options: CheckpointOptions): void;
export function saveCheckpoint(place: string | SavePlace, options: CheckpointOptions): void | Promise<void> {
  const defaults = { epoch: 0, step: 0, extra: undefined as unknown, ...noParts() };
  const { epoch, step, extra, ...parts } = readOptions("saveCheckpoint", options, defaults);
  checkParts("saveCheckpoint", parts);
  checkInteger("saveCheckpoint", "epoch", epoch, 0);
  checkInteger("saveCheckpoint", "step", step, 0, Number.MAX_SAFE_INTEGER);
  const own = new Scope("saveCheckpoint");
  try {
    const { pieces } = layOutCheckpoint(parts, { epoch, step, extra: extra ?? null });
    return savePieces("saveCheckpoint", place, pieces);
  } finally {
    own.close();
  }
}

/**
 * Loads a checkpoint into the given parts and restores the default random generator. The checkpoint must
 * contain a state for each part. Either everything is loaded or nothing is changed. Returns the epoch, the
 * step and `extra`. Until loading is done, a copy of the parts' current states is kept outside WebAssembly
 * memory.
 *
 * @param place the path of a file (Node, Deno, Bun), which is read at once, in pieces. For everything else
 *   the result is a promise: a file that the browser keeps, such as "opfs:run.safetensors", an address, a
 *   `File` or `Blob`, a `FileSystemFileHandle`. Such a file is read whole, then loaded at once.
 * @param options the parts; for an address also the options of `fetchFile`
 * @throws DataError when the file is missing, damaged or not a checkpoint, or lacks the state of a part;
 *   StateDictError when a state does not fit its part.
 * @example
 * ```ts
 * import { nn } from "wasmgrad";
 * import { loadCheckpoint } from "wasmgrad/io";
 * try {
 *   loadCheckpoint("no-such-file.safetensors", { model: new nn.Linear(2, 1) });
 * } catch (error) {
 *   console.log((error as Error).name); // DataError
 * }
 * ```
 */
export function loadCheckpoint(place: LoadPlace, options?: CheckpointParts & FetchOptions): Promise<CheckpointPosition>;
export function loadCheckpoint(path: string, options?: CheckpointParts): CheckpointPosition;
export function loadCheckpoint(
  place: string | LoadPlace,
  options: CheckpointParts & FetchOptions = {},
): CheckpointPosition | Promise<CheckpointPosition> {
  const op = "loadCheckpoint";
  if (!isLater(place)) {
    checkPath(op, place, "read");
    const parts = readOptions(op, options, noParts());
    checkParts(op, parts);
    return readNamedFile(place, (source) => loadFrom(place, source, parts));
  }
  const { onProgress, signal, cache, integrity, ...rest } = options;
  const parts = readOptions(op, rest, noParts());
  checkParts(op, parts);
  return startingThreads(async () => {
    const { name, blob } = await openPlace(op, place, { onProgress, signal, cache, integrity });
    const bytes = await readFromBlob(op, blob, { begin: 0, end: blob.size });
    return loadFrom(name, bytesSource(bytes), parts);
  });
}
