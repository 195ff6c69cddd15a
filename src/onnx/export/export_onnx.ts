import { noGrad } from "../../autograd/grad_mode.ts";
import { checkBoolean, checkInteger, describe, isObject, isPromise, readOptions } from "../../checks.ts";
import { OptionError, ShapeError } from "../../errors.ts";
import { Module } from "../../nn/module.ts";
import type { StateDict } from "../../nn/state.ts";
import type { NDArray } from "../../ops/core/array.ts";
import { listen } from "../../ops/core/recorder.ts";
import { isTensor } from "../../tensor/apply.ts";
import { arange } from "../../tensor/fill.ts";
import { scope } from "../../tensor/lifetime/scoped.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type FunctionGraph, joinRuns, type Run } from "./graph.ts";
import { type ExternalModel, fileOf } from "./model_file.ts";
import { NodeWriter } from "./node_writer.ts";
import { StepWriter } from "./operator_writer.ts";
import { refusalOf, writerOf } from "./operators/index.ts";
import { findProduct, recurrent } from "./operators/recurrent.ts";
import { Recording } from "./recording.ts";

export type { ExternalModel } from "./model_file.ts";

/** A function of tensors. Its result is a tensor, or arrays and objects of tensors. */
// biome-ignore lint/suspicious/noExplicitAny: each function has its own inputs and outputs
export type ExportedFunction = (...inputs: any[]) => unknown;

export interface ExportOptions {
  /** Version of ONNX's operators, 13 to 23. Default 20. */
  opset?: number;
  /** Names of the inputs. Default: "input", or "input_0", "input_1" … */
  inputNames?: readonly string[];
  /**
   * Names of the outputs, in order. Default: the names in the object that the function returns, or "output",
   * or "output_0", "output_1" …
   */
  outputNames?: readonly string[];
  /** Whether the model takes batches of any size. Default true. */
  dynamicBatch?: boolean;
  /**
   * For each input, the dimension of the batch, or null if it has none. Default: 0 for the first input and
   * for others whose first dimension is as long, if `dynamicBatch` is true.
   */
  batchDims?: readonly (number | null)[];
  /**
   * Of a function: the tensors that it uses by name, such as `model.stateDict()`. They keep their names in
   * the file.
   */
  state?: StateDict;
  /** The name of a second file, beside the model, for the weights: needed beyond 2 GB. Default null: none. */
  externalData?: string | null;
  /** A description that is written into the file. Default "". */
  description?: string;
}

const DEFAULTS = {
  opset: 20,
  inputNames: null as readonly string[] | null,
  outputNames: null as readonly string[] | null,
  dynamicBatch: true,
  batchDims: null as readonly (number | null)[] | null,
  state: null as StateDict | null,
  externalData: null as string | null,
  description: "",
};

const OLDEST_OPSET = 13;
const NEWEST_OPSET = 23;

/**
 * Writes a model as an ONNX file, which onnxruntime and others run. The function is traced: it is called
 * several times (with batches of different sizes, unless `dynamicBatch` is false), and the operations that it
 * runs on its inputs become the nodes. Parameters and buffers keep the names of the state dict. What follows
 * from no input, parameter or buffer becomes a constant.
 *
 * @param model a module in evaluation mode, or a function
 * @param exampleInputs inputs of the function: their shapes count and, if they select something, their
 *   elements
 * @param options see `ExportOptions`
 * @returns the bytes of the file. With `externalData`: the bytes of both files.
 * @throws OptionError that names the operation: for a model in training mode, operations without an ONNX
 *   operator, `item()` and other reads of elements, and operations that depend on the size of the batch, on
 *   elements or on chance.
 * @example
 * ```ts
 * import { nn, randn } from "wasmgrad";
 * import { exportOnnx } from "wasmgrad/onnx";
 * const model = new nn.Sequential(new nn.Linear(4, 8), new nn.ReLU(), new nn.Linear(8, 2)).eval();
 * const bytes = exportOnnx(model, [randn([2, 4])]);
 * console.log(bytes.length > 400); // true
 * ```
 */
export function exportOnnx(
  model: Module | ExportedFunction,
  exampleInputs: readonly Tensor[],
  options: ExportOptions & { externalData: string },
): ExternalModel;
export function exportOnnx(
  model: Module | ExportedFunction,
  exampleInputs: readonly Tensor[],
  options?: ExportOptions & { externalData?: null },
): Uint8Array;
export function exportOnnx(
  model: Module | ExportedFunction,
  exampleInputs: readonly Tensor[],
  options?: ExportOptions,
): Uint8Array | ExternalModel {
  const op = "exportOnnx";
  const given = readOptions<typeof DEFAULTS>(op, options as Partial<typeof DEFAULTS>, DEFAULTS);
  checkInteger(op, "opset", given.opset, OLDEST_OPSET, NEWEST_OPSET);
  checkBoolean(op, "dynamicBatch", given.dynamicBatch);
  if (!(model instanceof Module) && typeof model !== "function") {
    throw new OptionError(`${op}: model expected a module or a function, got ${describe(model)}`);
  }
  if (!Array.isArray(exampleInputs) || exampleInputs.length === 0 || !exampleInputs.every(isTensor)) {
    throw new OptionError(`${op}: exampleInputs expected an array of tensors, got ${describe(exampleInputs)}`);
  }
  if (model instanceof Module) expectEvaluation(model);
  const inputNames =
    checkNames("inputNames", given.inputNames, exampleInputs.length) ?? numbered("input", exampleInputs);
  const dims = readBatchDims(exampleInputs, given.batchDims, given.dynamicBatch);
  const { runs, outputNames } = traceRuns(model, exampleInputs, dims, given.state);
  const graph = joinRuns(runs);
  const names = checkNames("outputNames", given.outputNames, graph.outputs.length) ?? outputNames;
  const batchInput = dims.findIndex((dim) => dim !== null);
  const batch = batchInput < 0 ? null : { input: inputNames[batchInput], dim: dims[batchInput] as number };
  const writer = writeGraph(graph, new NodeWriter(given.opset, batch), inputNames, names);
  const title = model instanceof Module ? model.constructor.name : model.name || "function";
  return fileOf(writer, graph, { ...given, inputNames, outputNames: names, title });
}

/** Throws for a model in training mode, before anything runs that would change its buffers. */
function expectEvaluation(model: Module): void {
  const modules = model.namedModules().filter(([, module]) => module.training);
  const telling = modules.find(([, module]) => /Dropout|BatchNorm/.test(module.constructor.name)) ?? modules[0];
  if (!telling) return;
  const [path, module] = telling;
  throw new OptionError(
    `exportOnnx: expected a model in evaluation mode, got ${module.constructor.name}${path && ` (${path})`} in training ` +
      "mode: call model.eval() first",
  );
}

const numbered = (name: string, list: readonly unknown[]) =>
  list.length === 1 ? [name] : list.map((_, i) => `${name}_${i}`);

function checkNames(option: string, names: readonly string[] | null, count: number): readonly string[] | null {
  if (names === null) return null;
  const isList = Array.isArray(names) && names.every((name) => typeof name === "string" && name !== "");
  if (isList && names.length === count && new Set(names).size === count) return names;
  throw new OptionError(`exportOnnx: ${option} expected ${count} different names, got ${describe(names)}`);
}

/** For each input the dimension of the batch, or null. */
function readBatchDims(
  inputs: readonly Tensor[],
  given: readonly (number | null)[] | null,
  isDynamic: boolean,
): (number | null)[] {
  if (!isDynamic) return inputs.map(() => null);
  const length = inputs[0].shape[0];
  const dims = given ?? inputs.map(({ shape }, i) => (i === 0 || shape[0] === length ? 0 : null));
  const fits = (dim: number | null, i: number) =>
    dim === null || (Number.isInteger(dim) && dim >= 0 && dim < inputs[i].shape.length);
  if (!Array.isArray(dims) || dims.length !== inputs.length || !dims.every(fits)) {
    const shapes = inputs.map(({ shape }) => `[${shape}]`).join(", ");
    throw new OptionError(
      `exportOnnx: batchDims expected a dimension or null for each of ${shapes}, got ${describe(dims)} ` +
        "(dynamicBatch: false exports a fixed batch)",
    );
  }
  const sizes = new Set(dims.flatMap((dim, i) => (dim === null ? [] : [inputs[i].shape[dim]])));
  if (sizes.size > 1 || sizes.has(0)) {
    throw new ShapeError(`exportOnnx: expected one size of the batch in all inputs, got ${[...sizes].join(", ")}`);
  }
  return [...dims];
}

/** Calls the function with several batches, or twice with the same, and other elements the second time. */
function traceRuns(
  model: Module | ExportedFunction,
  inputs: readonly Tensor[],
  dims: readonly (number | null)[],
  state: StateDict | null,
): { runs: Run[]; outputNames: string[] } {
  const first = dims.findIndex((dim) => dim !== null);
  const size = first < 0 ? 1 : inputs[first].shape[dims[first] as number];
  // lengths of 1 broadcast, so a batch of 1 would be taken for a constant; the third size checks that all is
  // linear
  const base = Math.max(size, 2);
  const batches = first < 0 ? [1, 1] : [base, base + 1, base + 3];
  let outputNames: string[] = [];
  const runs = batches.map((batch, k) =>
    noGrad(() => {
      let run: Run | undefined;
      scope(() => {
        const own = inputs.map((x, i) => otherInput(x, dims[i], batch, k > 0));
        const traced = traceOnce(model, own, batch, state);
        outputNames = traced.outputNames;
        run = traced.run;
      });
      return run as Run;
    }),
  );
  return { runs, outputNames };
}

/** An input of another batch: its samples again and again, in another order if `isOther`. */
function otherInput(x: Tensor, dim: number | null, batch: number, isOther: boolean): Tensor {
  const reordered = isOther ? x.flatten().flip(0).reshape(x.shape) : x.clone();
  if (dim === null) return reordered;
  const samples = arange(batch, { dtype: "int32" }).remainder(x.shape[dim]).int();
  return reordered.indexSelect(dim, samples);
}

function traceOnce(
  model: Module | ExportedFunction,
  inputs: readonly Tensor[],
  batch: number,
  state: StateDict | null,
) {
  const recording = new Recording(refusalOf);
  const arrays = inputs.map((x): NDArray => x.array);
  arrays.forEach((array, i) => {
    recording.input(i, array);
  });
  if (model instanceof Module) {
    for (const [name, tensor] of model.namedParameters()) recording.state(name, tensor.array, "parameter");
    for (const [name, tensor] of model.namedBuffers()) recording.state(name, tensor.array, "buffer");
  }
  for (const [name, tensor] of Object.entries(state ?? {})) recording.state(name, tensor.array, "");
  const recorded = inputs.map((x) => recording.result(x.array));
  const modules = model instanceof Module ? model.namedModules().slice(1) : [];
  const hooks = modules.flatMap(([path, module]) => [
    module.registerForwardPreHook(() => void recording.paths.push(path)),
    module.registerForwardHook(() => void recording.paths.pop()),
  ]);
  try {
    return listen("exportOnnx", recording, () => {
      const output: unknown = model instanceof Module ? model.forward(...inputs) : model(...inputs);
      const outputs = namedTensors(output, "");
      if (outputs.length === 0) {
        throw new OptionError(`exportOnnx: the function expected to return tensors, got ${describe(output)}`);
      }
      const results = outputs.map(([, tensor]) => recording.result(tensor.array));
      const run: Run = { batch, inputs: recorded, steps: recording.steps, outputs: results };
      const given = outputs.map(([name]) => name);
      return { run, outputNames: given.every((name) => /^[\d.]*$/.test(name)) ? numbered("output", given) : given };
    });
  } finally {
    for (const hook of hooks) hook.remove();
  }
}

/** The tensors in a result, with their paths. */
function namedTensors(value: unknown, path: string): [string, Tensor][] {
  if (isTensor(value)) return [[path, value]];
  if (isPromise(value) || !(Array.isArray(value) || isObject(value))) return [];
  return Object.entries(value).flatMap(([key, item]) => namedTensors(item, path === "" ? key : `${path}.${key}`));
}

/** Writes all nodes, and gives the outputs their names. */
function writeGraph(
  graph: FunctionGraph,
  nodes: NodeWriter,
  inputNames: readonly string[],
  outputNames: readonly string[],
): NodeWriter {
  for (const name of [...inputNames, ...outputNames]) nodes.claim(name);
  graph.inputs.forEach((input, i) => {
    nodes.set(input, inputNames[i]);
  });
  const writeRecurrent = recurrent((gx) => findProduct(graph.steps, gx, (value) => nodes.nameOf(value)));
  for (const step of usedSteps(graph)) {
    nodes.path = step.path;
    const names = [(writerOf(step.op) ?? writeRecurrent)(new StepWriter(step, nodes))].flat();
    step.outputs.forEach((output, i) => {
      nodes.set(output, names[i]);
    });
  }
  nodes.path = "";
  nodes.dropUnused(graph.outputs.map((output) => nodes.nameOf(output)));
  nodes.nameOutputs(
    graph.outputs.map((output) => nodes.nameOf(output)),
    outputNames,
  );
  return nodes;
}

/** The operations from which an output follows. */
function usedSteps({ steps, outputs }: FunctionGraph) {
  const wanted = new Set<unknown>(outputs);
  const used = [...steps].reverse().filter((step) => {
    if (!step.outputs.some((output) => wanted.has(output))) return false;
    for (const input of step.inputs) wanted.add(input);
    return true;
  });
  return used.reverse();
}
