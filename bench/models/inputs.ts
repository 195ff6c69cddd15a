import { scope } from "wasmgrad";
import { saveSafetensors } from "wasmgrad/io";
import { type ModelDefinition, prepareModel } from "./index.ts";

/** The weights of a model, as `model.NAME`, and its batch, `x` and `y`: what both sides start from. */
export function writeModelInputs(path: string, definition: ModelDefinition, batch: number): void {
  scope(() => {
    const { program, data } = prepareModel(definition, batch);
    const state = Object.entries(program.model.stateDict()).map(([name, value]) => [`model.${name}`, value]);
    saveSafetensors(path, { ...Object.fromEntries(state), ...data });
  });
}
