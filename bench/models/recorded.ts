/** PyTorch's values, which record.py wrote: no Python is needed to compare with them. */
import { readFileSync } from "node:fs";
import { type Batch, compareModels, type ModelDefinition, type ModelValues, prepareModel, valuesOf } from "./index.ts";
import type { Program } from "./program.ts";

const recorded = JSON.parse(readFileSync(new URL("values.json", import.meta.url), "utf8")) as {
  pytorch: string;
  values: Record<string, ModelValues>;
};

/** A program that has computed the same as PyTorch: throws if it has not. */
export function checkedModel(definition: ModelDefinition, batch: number): { program: Program; data: Batch } {
  const { program, data } = prepareModel(definition, batch);
  compareModels(definition.name, valuesOf(program, data), recorded.values[`${definition.name}_${batch}`]);
  return { program, data };
}
