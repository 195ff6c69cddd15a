import { existsSync } from "node:fs";
import { loadCheckpoint, saveCheckpoint } from "../io/checkpoint.ts";
import type { Trainer } from "./trainer.ts";

/**
 * Writes all that a trainer needs to go on at the same bit: its state, and that of the default random generator. One safetensors file,
 * written atomically. Node only.
 *
 * @throws DataError when the file cannot be written.
 */
export function saveTrainer(path: string, trainer: Trainer): void {
  saveCheckpoint(path, { model: trainer, ...trainer.place });
}

/**
 * Lets a trainer go on where `saveTrainer` was called. Returns false, and changes nothing, where there is no file. Node only.
 *
 * @throws DataError for a damaged file; StateDictError for one of another training.
 */
export function resumeTrainer(path: string, trainer: Trainer): boolean {
  if (!existsSync(path)) return false;
  loadCheckpoint(path, { model: trainer });
  return true;
}
