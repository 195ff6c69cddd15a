import { checkInteger, readOptions } from "../checks.ts";
import { scope } from "../tensor/lifetime/scoped.ts";
import {
  type CheckpointOptions,
  type CheckpointParts,
  type CheckpointPosition,
  checkParts,
  layOutCheckpoint,
  loadFrom,
  noParts,
} from "./checkpoint_format.ts";
import { writeFileAtomically } from "./files.ts";
import { readNamedFile } from "./safetensors_file.ts";

export type { CheckpointOptions, CheckpointParts, CheckpointPosition, Stateful } from "./checkpoint_format.ts";

/**
 * Saves everything needed to continue training exactly from this point: the states of the given parts and of
 * the default random generator. The checkpoint is one safetensors file. Weights are named `model.…`;
 * everything other than tensors is JSON in the metadata. The file is written atomically: on failure an
 * existing file remains unchanged. Node only.
 *
 * @throws OptionError for an unknown option or a value in `extra` that cannot be saved; DataError when
 *   the file cannot be written.
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
export function saveCheckpoint(path: string, options: CheckpointOptions): void {
  const defaults = { epoch: 0, step: 0, extra: undefined as unknown, ...noParts() };
  const { epoch, step, extra, ...parts } = readOptions("saveCheckpoint", options, defaults);
  checkParts("saveCheckpoint", parts);
  checkInteger("saveCheckpoint", "epoch", epoch, 0);
  checkInteger("saveCheckpoint", "step", step, 0, Number.MAX_SAFE_INTEGER);
  scope(() => writeFileAtomically(path, layOutCheckpoint(parts, { epoch, step, extra: extra ?? null }).pieces));
}

/**
 * Loads a checkpoint into the given parts and restores the default random generator. The checkpoint must
 * contain a state for each part. Either everything is loaded or nothing is changed. Returns the epoch, the
 * step and `extra`. The file is read in pieces. Until loading is done, a copy of the parts' current states is
 * kept outside WebAssembly memory. Node only.
 *
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
export function loadCheckpoint(path: string, options: CheckpointParts = {}): CheckpointPosition {
  const parts = readOptions("loadCheckpoint", options, noParts());
  checkParts("loadCheckpoint", parts);
  return readNamedFile(path, (source) => loadFrom(path, source, parts));
}
