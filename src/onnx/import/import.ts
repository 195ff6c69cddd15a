import { readOptions } from "../../checks.ts";
import { WasmgradError } from "../../errors.ts";
import { Parameter } from "../../nn/parameter.ts";
import { startingThreads } from "../../runtime/start_threads.ts";
import { keep } from "../../tensor/lifetime/scoped.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { checkModel } from "../file/check_model.ts";
import { type ModelFile, type ModelSource, type ReadModelOptions, readModel } from "../file/read_model.ts";
import { HostValue, toTensor } from "../host_value.ts";
import { OPERATORS } from "../operators/index.ts";
import { buildGraph } from "./build_graph.ts";
import { checkSupport } from "./check.ts";
import { loadConstant } from "./constants.ts";
import { checkOutputNames, cutProgram } from "./cut.ts";
import { findDependences, WEIGHT } from "./dependence.ts";
import { makePermanent, type Template } from "./evaluation.ts";
import type { ConstantSource, Program } from "./graph.ts";
import { describeGraph } from "./graph_info.ts";
import { OnnxModule, type OnnxOutputs } from "./onnx_module.ts";
import { planGraph, type When } from "./plan.ts";
import { findRoles, mayBeWeight, type Role } from "./roles.ts";
import { type Trainable, TrainableTest } from "./trainable.ts";

export interface ImportOnnxOptions extends ReadModelOptions {
  /**
   * Which weights train: a function of a weight's name and shape, a name in which `*` stands for any text, a
   * regular expression, or a list of these. The others are frozen: parameters without `requiresGrad`.
   * Default: all train.
   */
  trainable?: Trainable;
  /**
   * Names of values of the graph to compute in place of its outputs, for example what a new last layer takes.
   * What only the file's outputs need is left out. `graphPicture` and `summary` show the names of nodes, and
   * `graph.nodes` has those of values. Default: the file's outputs.
   */
  outputs?: readonly string[];
}

/**
 * Reads an ONNX model as a module whose weights train.
 *
 * All operators, attributes and element types are checked before anything is made. Weights become parameters
 * under the names of the file, running statistics become buffers; numbers of a formula (eps, scales,
 * paddings) do not train. Half and double precision are read to float32. The model is in training mode, as
 * every new module: BatchNormalization and Dropout follow `train()` and `eval()`, whatever the file says.
 *
 * @param source the bytes; in Node, Deno and Bun a path; in a page an address (also a relative one), a `File`
 *   or `Blob`, a handle, or a file that the browser keeps ("opfs:...").
 * @param options `trainable`; `outputs`; `externalData` for weights in other files (default: beside the
 *   model); for an address also the options of `fetchFile`.
 * @returns the module. `model.graph` describes its inputs, outputs and nodes.
 * @throws DataError for a missing or damaged file, and for a model that is not supported: one error lists all
 *   operators, attributes and element types that are missing, with counts and the first node. OptionError for
 *   a bad option; OutOfMemoryError.
 * @example
 * ```ts
 * import { nn, ones } from "wasmgrad";
 * import { exportOnnx, importOnnx } from "wasmgrad/onnx";
 * const bytes = exportOnnx(new nn.Linear(4, 2).eval(), [ones([1, 4])]);
 * const model = await importOnnx(bytes, { trainable: "weight" });
 * console.log(model.forward(ones([8, 4])).shape); // [8, 2]
 * console.log(model.parameters().map((x) => x.requiresGrad)); // [true, false]
 * ```
 */
export async function importOnnx<Outputs extends OnnxOutputs = Tensor>(
  source: ModelSource,
  options?: ImportOnnxOptions,
): Promise<OnnxModule<Outputs>> {
  const { trainable, outputs, ...reading } =
    options === undefined ? {} : readOptions("importOnnx", options, ALL_OPTIONS);
  const test = new TrainableTest(trainable);
  if (outputs !== undefined) checkOutputNames(outputs);
  return startingThreads(async () => makeModule<Outputs>(await readModel(source, reading), test, outputs));
}

const ALL_OPTIONS: ImportOnnxOptions = {
  trainable: undefined,
  outputs: undefined,
  externalData: undefined,
  onProgress: undefined,
  signal: undefined,
  cache: undefined,
  integrity: undefined,
};

async function makeModule<Outputs extends OnnxOutputs>(
  file: ModelFile,
  test: TrainableTest,
  outputs: readonly string[] | undefined,
): Promise<OnnxModule<Outputs>> {
  checkModel(file.name, file.proto);
  const ownOutputs = file.proto.graph?.output.map(({ name }) => name) ?? [];
  const whole = buildGraph(file, OPERATORS);
  const program = outputs === undefined ? whole : cutProgram(whole, outputs, ownOutputs);
  checkSupport(file.name, file.proto, program);
  const info = describeGraph(file.proto, program, outputs ?? ownOutputs);
  const { values, parameters, buffers, weights } = await loadConstants(program, file.proto.producerName, test);
  program.forgetFile();
  const dependence = findDependences(program, new Map([...weights].map((slot) => [slot, WEIGHT])));
  const plan = planGraph(program, (slot): When => dependence(slot).value);
  return new OnnxModule<Outputs>({ info, plan, inputSlots: program.inputs, values, parameters, buffers });
}

interface Constants {
  values: Template;
  parameters: Map<string, Parameter>;
  buffers: Map<string, Tensor>;
  /** Slots of parameters and buffers. */
  weights: Set<number>;
}

/** Loads what the file contains. If one tensor cannot be read, none remains. */
async function loadConstants(program: Program, producer: string, test: TrainableTest): Promise<Constants> {
  const roles = findRoles(program, producer);
  const loaded: Constants = { values: [], parameters: new Map(), buffers: new Map(), weights: new Set() };
  loaded.values.length = program.slots.length;
  try {
    for (const [slot, source] of program.constants)
      await load(slot, source, roles.get(slot) ?? "constant", loaded, test);
    test.expectAllUsed([...loaded.parameters.keys()]);
    return loaded;
  } catch (error) {
    for (const value of loaded.values) if (value instanceof Tensor) value.release();
    throw error;
  }
}

async function load(
  slot: number,
  { name, content, dims }: ConstantSource,
  role: Role,
  { values, parameters, buffers, weights }: Constants,
  test: TrainableTest,
): Promise<void> {
  if (content === null) throw new WasmgradError(`importOnnx: ${name} was not checked`);
  if (role === "constant") {
    values[slot] = await loadConstant(content);
    makePermanent(values[slot]);
    return;
  }
  const weight = keep(content instanceof HostValue ? toTensor(content) : await content.load());
  if (role === "parameter" && !mayBeWeight(weight.array.view())) {
    values[slot] = weight;
    return;
  }
  if (role === "buffer") {
    values[slot] = weight;
    buffers.set(name, weight);
  } else {
    const parameter = new Parameter(weight, { requiresGrad: test.includes(name, dims) });
    weight.release();
    values[slot] = parameter;
    parameters.set(name, parameter);
  }
  weights.add(slot);
}
