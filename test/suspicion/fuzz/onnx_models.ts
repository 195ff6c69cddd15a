/** Damaged ONNX models, and models with unlikely numbers: each is refused by a typed error, or it runs. */
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { memory, ones, scope, setMemoryLimit, type Tensor, WasmgradError } from "wasmgrad";
import { importOnnx } from "wasmgrad/onnx";
import {
  type AttributeProto,
  type GraphProto,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  type TensorProto,
} from "../../../src/onnx/schema/onnx_pb.ts";
import {
  float,
  graph,
  graphAttribute,
  model,
  type NodeInit,
  node,
  type TensorInit,
  tensorProto,
  value,
} from "../../support/onnx_model.ts";
import { CaseError, type Kind } from "./campaign.ts";
import { mutate } from "./mutations.ts";
import type { Random } from "./random.ts";

/** The longest time in which a model may be imported and run. */
const SLOW_MS = 5000;

/** WebAssembly memory that a model may take. Larger tensors are refused by an OutOfMemoryError. */
const MEMORY_LIMIT = 2 ** 27;

/** The most by which the memory of the process may grow in a case. */
const GROWTH_LIMIT = 2 ** 30;

const numbers = (count: number) => Array.from({ length: count }, (_, i) => ((i * 37) % 19) / 19 - 0.4);
const weight = (name: string, dims: number[], typed = false) =>
  tensorProto(name, dims, numbers(dims.reduce((a, b) => a * b, 1)), "float", { typed });
const ints = (name: string, ...values: number[]) => tensorProto(name, [values.length], values, "int64");

/** A model from `x` to `y`. */
const small = (dims: (number | string)[], nodes: NodeInit[], initializers: TensorInit[]) =>
  model({ nodes, inputs: [value("x", dims)], outputs: ["y"], initializers });

const branch = (op: string) => graphAttribute(graph({ nodes: [node(op, ["h"], ["b"])], outputs: ["b"], name: op }));

/** Models that run, with the shape of their input. */
const MODELS: readonly { shape: number[]; bytes: Uint8Array }[] = [
  {
    shape: [2, 3, 8, 8],
    bytes: small(
      ["N", 3, 8, 8],
      [
        node("Conv", ["x", "w", "c"], ["a"], { name: "conv", attributes: { pads: [1, 1, 1, 1], strides: [1, 1] } }),
        node("BatchNormalization", ["a", "s", "c", "m", "v"], ["b"]),
        node("Relu", ["b"], ["d"]),
        node("MaxPool", ["d"], ["e"], { attributes: { kernel_shape: [2, 2], strides: [2, 2] } }),
        node("Flatten", ["e"], ["f"]),
        node("Gemm", ["f", "g", "q"], ["y"], { attributes: { transB: 1, alpha: float(1) } }),
      ],
      [
        weight("w", [4, 3, 3, 3]),
        ...["c", "s", "m"].map((name) => weight(name, [4], true)),
        tensorProto("v", [4], [1, 1, 1, 1]),
        weight("g", [5, 64]),
        weight("q", [5]),
      ],
    ),
  },
  {
    shape: [2, 6],
    bytes: small(
      ["N", 6],
      [
        node("Shape", ["x"], ["s"]),
        node("Gather", ["s", "zero"], ["n"]),
        node("Unsqueeze", ["n", "axis"], ["n1"]),
        node("Concat", ["n1", "rest"], ["to"], { attributes: { axis: 0 } }),
        node("Reshape", ["x", "to"], ["h"]),
        node("Range", ["start", "limit", "step"], ["r"]),
        node("Cast", ["r"], ["rf"], { attributes: { to: 1 } }),
        node("ConstantOfShape", ["rest"], ["zeros"]),
        node("Add", ["h", "zeros"], ["k"]),
        node("Tile", ["k", "repeats"], ["t"]),
        node("Pad", ["t", "pads"], ["p"]),
        node("Slice", ["p", "starts", "ends"], ["l"]),
        node("ReduceSum", ["l"], ["sum"], { attributes: { keepdims: 0 } }),
        node("Add", ["sum", "rf"], ["y"]),
      ],
      [
        tensorProto("zero", [], [0], "int64"),
        ints("axis", 0),
        ints("rest", 2, 3),
        tensorProto("start", [], [0], "int64"),
        tensorProto("limit", [], [5], "int64"),
        tensorProto("step", [], [1], "int64"),
        ints("repeats", 1, 2, 1),
        ints("pads", 0, 0, 1, 0, 0, 1),
        ints("starts", 0, 1),
        tensorProto("ends", [2], [2n ** 63n - 1n, 3n], "int64", { typed: true }),
      ],
    ),
  },
  {
    shape: [3, 2, 4],
    bytes: small(
      [3, "N", 4],
      [
        node("LSTM", ["x", "w", "r"], ["", "h"], { attributes: { hidden_size: 3 } }),
        node("ReduceMax", ["h"], ["top"], { attributes: { keepdims: 0 } }),
        node("Greater", ["top", "limit"], ["c"]),
        node("If", ["c"], ["i"], { attributes: { then_branch: branch("Neg"), else_branch: branch("Sigmoid") } }),
        node("Resize", ["i", "", "scales"], ["z"], { attributes: { mode: "nearest" } }),
        node("Expand", ["z", "to"], ["e"]),
        node("ScatterND", ["e", "at", "new"], ["d"]),
        node("Split", ["d"], ["y", "rest"], { attributes: { axis: 2, num_outputs: 2 } }),
      ],
      [
        weight("w", [1, 12, 4]),
        weight("r", [1, 12, 3]),
        tensorProto("limit", [], [0]),
        tensorProto("scales", [3], [1, 1, 2]),
        ints("to", 1, 2, 6),
        tensorProto("at", [1, 1], [0], "int64"),
        weight("new", [1, 2, 6]),
      ],
    ),
  },
];

/** Numbers for lengths, axes, counts and attributes. */
const UNLIKELY = [0, 1, 2, 3, 7, -1, -2, 65, 4096, 2 ** 16, 2 ** 17, 1e9, 2 ** 31 - 1, 2 ** 31, -(2 ** 31), 2 ** 40];
const EXTREME = [2n ** 53n, 2n ** 62n, 2n ** 63n - 1n, -(2n ** 63n)];
const unlikely = (random: Random) => (random.chance(0.15) ? random.pick(EXTREME) : BigInt(random.pick(UNLIKELY)));

/** Changes what a model says, so that its encoding stays valid. */
function mutateModel(random: Random, bytes: Uint8Array): Uint8Array {
  const proto = fromBinary(ModelProtoSchema, bytes);
  for (let n = random.pick([1, 1, 1, 2, 4]); n > 0; n--) mutateOnce(random, proto);
  return toBinary(ModelProtoSchema, proto);
}

function mutateOnce(random: Random, { graph, opsetImport }: ModelProto): void {
  if (!graph) return;
  const nodes = allNodes(graph);
  const changed = nodes.length > 0 ? random.pick(nodes) : undefined;
  const names = [...graph.initializer.map(({ name }) => name), ...nodes.flatMap(({ output }) => output), "x", "", "?"];
  switch (
    random.pick([
      "tensor",
      "tensor",
      "attribute",
      "attribute",
      "attribute",
      "input",
      "output",
      "operator",
      "order",
      "opset",
      "remove",
    ])
  ) {
    case "tensor":
      if (graph.initializer.length > 0) mutateTensor(random, random.pick(graph.initializer));
      break;
    case "attribute":
      if (changed) mutateAttributes(random, changed);
      break;
    case "input":
      if (changed) changed.input[random.integer(0, changed.input.length)] = random.pick(names);
      break;
    case "output":
      if (changed) changed.output[random.integer(0, changed.output.length)] = random.pick(names);
      break;
    case "operator":
      if (changed) changed.opType = random.pick([...OPERATORS, ...nodes.map(({ opType }) => opType)]);
      break;
    case "order":
      graph.node.push(...graph.node.splice(random.integer(0, graph.node.length), 1));
      break;
    case "opset":
      if (opsetImport.length > 0)
        random.pick(opsetImport).version = BigInt(random.pick([1, 6, 7, 9, 11, 13, 17, 18, 24, 99]));
      break;
    default:
      graph.initializer.splice(random.integer(0, graph.initializer.length), 1);
  }
}

/** Operators that a node may get, whose results grow with numbers in the file. */
const OPERATORS = [
  ..."Range ConstantOfShape Expand Tile Pad Resize Upsample OneHot EyeLike Reshape Slice Gather GatherND Concat".split(
    " ",
  ),
  ..."Split Transpose Squeeze Unsqueeze CumSum TopK Loop Scan ConvTranspose DepthToSpace Compress NonZero".split(" "),
  ..."RandomNormal Bernoulli Einsum HannWindow GridSample AffineGrid RoiAlign Col2Im LayerNormalization".split(" "),
];

function mutateTensor(random: Random, tensor: TensorProto): void {
  switch (random.pick(["dims", "rank", "type", "cut", "bytes", "value", "value", "location"])) {
    case "dims":
      tensor.dims[random.integer(0, tensor.dims.length)] = unlikely(random);
      break;
    case "rank":
      tensor.dims = Array.from({ length: random.pick([0, 1, 2, 9, 100]) }, () => BigInt(random.pick([0, 1, 1, 2])));
      break;
    case "type":
      tensor.dataType = random.integer(-1, 30);
      break;
    case "cut":
      tensor.rawData = tensor.rawData.subarray(random.integer(0, 9));
      break;
    case "bytes":
      tensor.rawData = mutate(random, tensor.rawData);
      break;
    case "value": {
      // one integer or two floats
      if (tensor.rawData.length < 8) break;
      tensor.rawData = tensor.rawData.slice();
      const view = new DataView(tensor.rawData.buffer);
      view.setBigInt64(8 * random.integer(0, Math.floor(tensor.rawData.length / 8) - 1), unlikely(random), true);
      break;
    }
    default:
      tensor.dataLocation = random.pick([0, 1]);
  }
}

function mutateAttributes(random: Random, { attribute }: NodeProto): void {
  if (attribute.length === 0) return;
  const chosen = random.pick(attribute);
  switch (random.pick(["value", "value", "value", "value", "type", "twice", "remove", "name"])) {
    case "value":
      mutateValue(random, chosen);
      break;
    case "type":
      chosen.type = random.integer(0, 14) as AttributeProto["type"];
      break;
    case "twice":
      attribute.push(chosen);
      break;
    case "remove":
      attribute.splice(attribute.indexOf(chosen), 1);
      break;
    default:
      chosen.name = random.pick(["axis", "to", "mode", "group", "dilations", "constructor", "__proto__", ""]);
  }
}

function mutateValue(random: Random, attribute: AttributeProto): void {
  if (attribute.ints.length > 0) attribute.ints[random.integer(0, attribute.ints.length)] = unlikely(random);
  else if (attribute.s.length > 0) attribute.s = mutate(random, attribute.s);
  else if (attribute.f !== 0) attribute.f = random.pick([0, -1, 1e30, Number.NaN, Infinity]);
  else attribute.i = unlikely(random);
}

/** The nodes of a graph and of the graphs in them. */
function allNodes({ node }: GraphProto): NodeProto[] {
  return node.flatMap((one) => [one, ...one.attribute.flatMap(({ g }) => (g ? allNodes(g) : []))]);
}

/** Imports a model and runs it. Returns "refused" by the import, "failed" in the run, or "ran". */
export async function runModel(bytes: Uint8Array, shape: readonly number[]): Promise<"refused" | "failed" | "ran"> {
  let outcome: "refused" | "failed" | "ran" = "refused";
  try {
    const imported = await importOnnx<Tensor>(bytes);
    try {
      outcome = "failed";
      scope(() => void imported.forward(ones(shape)));
      outcome = "ran";
    } finally {
      for (const tensor of [...imported.parameters(), ...imported.buffers()]) tensor.release();
    }
  } catch (error) {
    if (!(error instanceof WasmgradError)) throw new CaseError(`a raw ${(error as Error)?.stack ?? error}`);
  }
  return outcome;
}

export const onnxModels: Kind = {
  name: "onnx",
  async run(random) {
    const { bytes, shape } = random.pick(MODELS);
    const kind = random.pick(["bytes", "model", "model"]);
    const changed = kind === "bytes" ? mutate(random, bytes) : mutateModel(random, bytes);
    const start = performance.now();
    const { rss } = process.memoryUsage();
    const outcome = await runModel(changed, shape);
    const took = performance.now() - start;
    if (took > SLOW_MS) throw new CaseError(`took ${took} ms`);
    const grown = process.memoryUsage().rss - rss;
    if (grown > GROWTH_LIMIT) throw new CaseError(`took ${grown} bytes of memory`);
    return `onnx ${kind} ${outcome}`;
  },
  async prepare() {
    setMemoryLimit(memory().liveBytes + MEMORY_LIMIT);
    for (const { bytes, shape } of MODELS) {
      if ((await runModel(bytes, shape)) !== "ran") throw new Error(`the model for [${shape}] does not run`);
    }
    return () => setMemoryLimit(2 ** 32);
  },
};
