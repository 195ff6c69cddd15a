import { existsSync } from "node:fs";
import { describe } from "../checks.ts";
import { OptionError } from "../errors.ts";
import { loadCheckpoint, saveCheckpoint } from "../io/checkpoint.ts";
import { Trainer } from "./trainer.ts";

/**
 * Saves everything that a trainer needs to resume with the same bits: its state and the states of its random
 * generator and of the default generator. Writes one safetensors file atomically. Node only.
 *
 * @throws DataError when the file cannot be written.
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
export function saveTrainer(path: string, trainer: Trainer): void {
  checkTrainer("saveTrainer", trainer);
  saveCheckpoint(path, { model: trainer, ...trainer.place });
}

/**
 * Loads a file that `saveTrainer` wrote, so that `fit` continues from that point. Returns false and changes
 * nothing if there is no file. Node only.
 *
 * @throws DataError for a damaged file; StateDictError when the file belongs to a different training run.
 */
export function resumeTrainer(path: string, trainer: Trainer): boolean {
  checkTrainer("resumeTrainer", trainer);
  if (!existsSync(path)) return false;
  loadCheckpoint(path, { model: trainer });
  return true;
}

function checkTrainer(op: string, trainer: unknown): void {
  if (!(trainer instanceof Trainer))
    throw new OptionError(`${op}: expected a path and a Trainer, got ${describe(trainer)}`);
}
