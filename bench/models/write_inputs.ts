/**
 * Writes weights and a batch of every model for PyTorch's program, in files NAME_BATCH.safetensors.
 * usage: tsx --tsconfig bench/tsconfig.json bench/models/write_inputs.ts FOLDER
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { models, TINY_BATCH } from "./index.ts";
import { writeModelInputs } from "./inputs.ts";

const [folder] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
for (const model of models) {
  for (const batch of [TINY_BATCH, ...model.batches]) {
    writeModelInputs(join(folder, `${model.name}_${batch}.safetensors`), model, batch);
  }
}
