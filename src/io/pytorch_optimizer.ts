import { isObject } from "../checks.ts";
import { DataError } from "../errors.ts";
import type { OptimizerStateDict, ParamState } from "../optim/optimizer_state.ts";
import { tensor } from "../tensor/creation.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { Metadata } from "./safetensors_header.ts";
import type { SafetensorsFile } from "./safetensors_read.ts";

/** Entries of a parameter's state that are numbers here and tensors without dimensions in PyTorch. */
const NUMBERS = ["step", "eta", "mu", "mu_product"];

/** Options of PyTorch's optimizers that select an implementation and change no result. */
const IMPLEMENTATION = ["foreach", "fused", "capturable", "differentiable", "decoupled_weight_decay"];

const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const camel = (name: string) => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

/**
 * An optimizer's state for PyTorch: the contents of a safetensors file. The tensor "0.exp_avg" is the entry
 * `exp_avg` of parameter 0; the metadata `param_groups` has the groups as JSON, with PyTorch's names. `step`
 * and other numbers become float32 tensors without dimensions, as in PyTorch.
 *
 * The page "Weights and optimizers to PyTorch and back" has the eight lines of Python that read and write
 * such files.
 *
 * @param state the result of an optimizer's `stateDict()`.
 * @returns `tensors` (the optimizer's own, not copies) and `metadata` for `saveSafetensors`.
 * @throws DataError for a value that is not an optimizer's state.
 * @example
 * ```ts
 * import { optim, tensor } from "wasmgrad";
 * import { optimizerToPyTorch } from "wasmgrad/io";
 * const x = tensor([1, 2], { requiresGrad: true });
 * const optimizer = new optim.Adam([x]);
 * x.square().sum().backward();
 * optimizer.step();
 * const { tensors, metadata } = optimizerToPyTorch(optimizer.stateDict());
 * console.log(Object.keys(tensors)); // ["0.exp_avg", "0.exp_avg_sq", "0.step"]
 * console.log(JSON.parse(metadata.param_groups)[0].weight_decay); // 0
 * ```
 */
export function optimizerToPyTorch(state: OptimizerStateDict): SafetensorsFile {
  if (!isObject(state) || !isObject(state.state) || !Array.isArray(state.paramGroups)) {
    throw new DataError("optimizerToPyTorch: expected the result of an optimizer's stateDict()");
  }
  const tensors: Record<string, Tensor> = {};
  for (const [number, values] of Object.entries(state.state)) {
    for (const [name, value] of Object.entries(values as ParamState)) {
      tensors[`${number}.${name}`] = value instanceof Tensor ? value : tensor(value);
    }
  }
  const groups = state.paramGroups.map((group) =>
    Object.fromEntries(Object.entries(group).map(([name, value]) => [snake(name), value])),
  );
  const sorted = Object.fromEntries(Object.entries(tensors).sort(([a], [b]) => (a < b ? -1 : 1)));
  return { tensors: sorted, metadata: { format: "pt", param_groups: JSON.stringify(groups) } };
}

/**
 * The inverse of `optimizerToPyTorch`: an optimizer's state from a file with the state of PyTorch's optimizer
 * of the same name. Options that select one of PyTorch's implementations, such as `foreach` and `fused`, are
 * left out.
 *
 * @param file the contents of a safetensors file, from `loadSafetensors`.
 * @returns a state for `loadStateDict()`, which checks names and shapes and copies the tensors.
 * @throws DataError when the file has no such groups, or a tensor with another name.
 * @example
 * ```ts
 * import { optim, tensor } from "wasmgrad";
 * import { optimizerFromPyTorch, optimizerToPyTorch } from "wasmgrad/io";
 * const x = tensor([1, 2], { requiresGrad: true });
 * const optimizer = new optim.SGD([x], { lr: 0.1, momentum: 0.9 });
 * x.square().sum().backward();
 * optimizer.step();
 * const file = optimizerToPyTorch(optimizer.stateDict()); // or a file that PyTorch wrote
 * optimizer.loadStateDict(optimizerFromPyTorch(file));
 * console.log(optimizer.paramGroups[0].momentum); // 0.9
 * ```
 */
export function optimizerFromPyTorch(file: SafetensorsFile): OptimizerStateDict {
  if (!isObject(file) || !isObject(file.tensors) || !isObject(file.metadata)) {
    throw new DataError("optimizerFromPyTorch: expected { tensors, metadata }, as loadSafetensors returns them");
  }
  const { tensors, metadata } = file;
  const paramGroups = readGroups(metadata).map((group) => {
    const kept = Object.entries(group).filter(([name]) => !IMPLEMENTATION.includes(name));
    return Object.fromEntries(kept.map(([name, value]) => [camel(name), value]));
  });
  const state: OptimizerStateDict["state"] = {};
  for (const [key, value] of Object.entries(tensors)) {
    const [, number, name] = /^(\d+)\.(\w+)$/.exec(key) ?? [];
    if (name === undefined) {
      throw new DataError(`optimizerFromPyTorch: expected tensors such as "0.exp_avg", got "${key}"`);
    }
    (state[Number(number)] ??= {})[name] = NUMBERS.includes(name) ? value.item() : value;
  }
  return { state, paramGroups };
}

function readGroups(metadata: Metadata): Record<string, unknown>[] {
  let groups: unknown;
  try {
    groups = JSON.parse(metadata.param_groups);
  } catch (cause) {
    throw new DataError("optimizerFromPyTorch: expected the groups as JSON in the metadata param_groups", { cause });
  }
  if (!Array.isArray(groups) || !groups.every(isObject)) {
    throw new DataError("optimizerFromPyTorch: param_groups expected an array of objects");
  }
  return groups as Record<string, unknown>[];
}
