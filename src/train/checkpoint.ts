import { describe } from "../checks.ts";
import { OptionError } from "../errors.ts";
import { loadCheckpoint, saveCheckpoint } from "../io/checkpoint.ts";
import { fileExists } from "../io/files.ts";
import { findStored, isStoredPath } from "../io/origin_files.ts";
import { checkPath, isLater, type LoadPlace, type SavePlace } from "../io/places.ts";
import { Trainer } from "./trainer.ts";

/**
 * Saves everything that a trainer needs to resume with the same bits: its state and the states of its random
 * generator and of the default generator. Writes one safetensors file atomically.
 *
 * @param place the path of a file (Node, Deno, Bun), which is written at once. In a page: a file that the
 *   browser keeps, such as "opfs:run.safetensors", or a `FileSystemFileHandle`; then the result is a promise.
 * @throws DataError when the file cannot be written; OptionError for a path where there are no files.
 * @example
 * ```ts
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { nn, optim, rand } from "wasmgrad";
 * import { DataLoader, TensorDataset } from "wasmgrad/data";
 * import { resumeTrainer, saveTrainer, Trainer } from "wasmgrad/train";
 * const model = new nn.Linear(2, 1);
 * const trainer = new Trainer({
 *   model,
 *   loader: new DataLoader(new TensorDataset(rand([8, 2])), { batchSize: 4 }),
 *   optimizer: new optim.Adam(model.parameters()),
 *   loss: ([x]) => model.forward(x).square().mean(),
 *   epochs: 1,
 * });
 * await trainer.fit();
 * const path = join(tmpdir(), "wasmgrad-example-trainer.safetensors");
 * saveTrainer(path, trainer);
 * console.log(resumeTrainer(path, trainer)); // true
 * ```
 */
export function saveTrainer(place: SavePlace, trainer: Trainer): Promise<void>;
export function saveTrainer(path: string, trainer: Trainer): void;
export function saveTrainer(place: string | SavePlace, trainer: Trainer): void | Promise<void> {
  checkTrainer("saveTrainer", trainer);
  if (!isLater(place)) checkPath("saveTrainer", place, "write");
  return saveCheckpoint(place as SavePlace, { model: trainer, ...trainer.place });
}

/**
 * Loads a file that `saveTrainer` wrote, so that `fit` continues from that point. Returns false and changes
 * nothing if there is no file.
 *
 * @param place as for `saveTrainer`, an address, or a `File` or `Blob`; the result is a promise unless it is
 *   a path
 * @throws DataError for a damaged file; StateDictError when the file belongs to a different training run.
 */
export function resumeTrainer(place: LoadPlace, trainer: Trainer): Promise<boolean>;
export function resumeTrainer(path: string, trainer: Trainer): boolean;
export function resumeTrainer(place: string | LoadPlace, trainer: Trainer): boolean | Promise<boolean> {
  const op = "resumeTrainer";
  checkTrainer(op, trainer);
  if (isLater(place)) return resumeLater(op, place, trainer);
  checkPath(op, place, "read");
  if (!fileExists(place)) return false;
  loadCheckpoint(place, { model: trainer });
  return true;
}

async function resumeLater(op: string, place: LoadPlace, trainer: Trainer): Promise<boolean> {
  if (isStoredPath(place) && !(await findStored(op, place))) return false;
  await loadCheckpoint(place, { model: trainer });
  return true;
}

function checkTrainer(op: string, trainer: unknown): void {
  if (!(trainer instanceof Trainer))
    throw new OptionError(`${op}: expected a path and a Trainer, got ${describe(trainer)}`);
}
