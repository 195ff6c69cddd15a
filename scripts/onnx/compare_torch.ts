/**
 * Compares imported models with PyTorch, and writes docs/onnx_pytorch.md.
 *
 *     python scripts/onnx/compare_torch.py build/onnx_torch
 *     npx tsx scripts/onnx/compare_torch.ts build/onnx_torch [--only NAME] [--write]
 */
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadSafetensors } from "wasmgrad/io";
import {
  type Comparison,
  compareWithTorch,
  errorText as error,
  torchErrorsOf as errorsOf,
  type TorchErrors,
} from "../../test/support/onnx/torch_comparison.ts";

const TABLE = new URL("../../docs/onnx_pytorch.md", import.meta.url);
/** Exports that keep all names, then those with the exporters' defaults. */
const SETTINGS = ["names", "training", "dynamo_names", "torchscript", "dynamo"];
const SMOOTH = "smooth";

/** All exports of a model. */
interface Row {
  name: string;
  results: Map<string, Comparison | string>;
  torch: TorchErrors;
  torchSmooth: TorchErrors | undefined;
}

async function compareAll(folder: string, only: string): Promise<Row[]> {
  const files = new Set(readdirSync(folder));
  const names = [...files].filter((file) => /^[^.]+\.safetensors$/.test(file)).map((file) => file.split(".")[0]);
  const rows: Row[] = [];
  for (const name of names.filter((each) => each.startsWith(only)).sort()) {
    const expected = `${name}.safetensors`;
    const smooth = `${name}.${SMOOTH}.safetensors`;
    const torch = errorsOf(join(folder, expected));
    const torchSmooth = files.has(smooth) ? errorsOf(join(folder, smooth)) : undefined;
    const row: Row = { name, results: new Map(), torch, torchSmooth };
    for (const setting of [...SETTINGS, SMOOTH]) {
      const file = `${name}.${setting}.onnx`;
      if (!files.has(file)) continue;
      const own = setting === SMOOTH ? smooth : expected;
      const result = await compareWithTorch(join(folder, file), join(folder, own)).catch(String);
      row.results.set(setting, result);
      console.log(name, setting, typeof result === "string" ? result : JSON.stringify({ ...result, torch }));
    }
    rows.push(row);
  }
  return rows;
}

function resultsOf({ results }: Row, settings: readonly string[]): Comparison[] {
  return settings.map((setting) => results.get(setting)).filter((result) => typeof result === "object");
}

const largest = (values: readonly (number | null)[]) => {
  const numbers = values.filter((value) => value !== null);
  return numbers.length > 0 ? Math.max(...numbers) : null;
};

function nameCell(row: Row, setting: string): string {
  const result = row.results.get(setting);
  if (result === undefined) return "";
  return typeof result === "string" ? "refused" : `${result.found}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? "---" : "---:"))), ...rows.map(line)].join("\n");
}

function document(rows: readonly Row[], torchVersion: string): string {
  const settings = rows.reduce((sum, { results }) => sum + [...results.keys()].filter((s) => s !== SMOOTH).length, 0);
  const names = table(
    ["model", "parameters", "recipe 1", "with dropout", "recipe 2", "TorchScript's defaults", "`dynamo`'s defaults"],
    rows.map((row) => [
      row.name,
      `${resultsOf(row, ["names"])[0]?.names ?? ""}`,
      ...SETTINGS.map((setting) => nameCell(row, setting)),
    ]),
  );
  const errors = table(
    ["model", "output", "PyTorch", "gradient, evaluation", "PyTorch", "training", "PyTorch", "smooth", "PyTorch"],
    rows.map((row) => {
      const all = resultsOf(row, SETTINGS);
      const smooth = resultsOf(row, [SMOOTH]).flatMap(({ evaluation, training }) => [evaluation, training]);
      return [
        row.name,
        error(largest(all.map(({ output }) => output))),
        error(row.torch.output),
        error(largest(all.map(({ evaluation }) => evaluation))),
        error(row.torch.eval),
        error(largest(all.map(({ training }) => training))),
        error(row.torch.train),
        error(largest(smooth)),
        error(largest([row.torchSmooth?.eval ?? null, row.torchSmooth?.train ?? null])),
      ];
    }),
  );
  return `# Models exported from PyTorch

<!-- Written by \`npx tsx scripts/onnx/compare_torch.ts FOLDER --write\`. -->

${rows.length} architectures, exported from PyTorch ${torchVersion} in ${settings} files by both of its exporters, each with
a dynamic batch, and imported by \`wasmgrad/onnx\`. A script that is kept, \`scripts/onnx/compare_torch.py\`, makes the
files, with PyTorch's outputs and gradients for another batch than the traced one.
[More architectures](onnx_architectures.md), of torchvision, timm and transformers, are on a separate page.

## Recipes that keep all names

A fine-tuned model goes back to PyTorch by the names of its parameters. These two exports keep them all, and the batch
norms too, which the defaults merge into convolutions.

\`\`\`python
# recipe 1: the TorchScript exporter
torch.onnx.export(
    model.eval(), example, "model.onnx", dynamo=False,
    training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False,
    input_names=["images"], dynamic_axes={"images": {0: "batch"}},
)

# recipe 2: the exporter of torch.export, without its optimizer
torch.onnx.export(
    model.eval(), (example,), "model.onnx", dynamo=True, optimize=False, external_data=False,
    dynamic_shapes=({0: torch.export.Dim("batch")},),
)
\`\`\`

Both leave out dropout. With \`model.train()\` and \`training=TrainingMode.TRAINING\` in recipe 1, dropout is in the file and
acts in training mode here too. But that export runs the model once in training mode, which changes its running
statistics a little: give it real images as the example, or a copy of the model.

Names found, of all parameters of PyTorch's model:

${names}

The defaults merge batch norms into convolutions, transpose weights of linear layers (\`val_18\`, \`onnx::MatMul_…\`), and
join the weights of recurrent layers. Such files train as well: their parameters are found by what they do, under the
names in the file. Files of either exporter have each of several equal tensors once. The TorchScript exporter notes this,
so that each is a separate parameter here; recipe 2 does not, so that parameters which are equal at export, such as
those of new norms, are one.

## Errors

Relative errors, ‖difference‖ / ‖reference‖, against PyTorch in float64; beside them those of PyTorch's own float32. For
gradients, the largest error of any parameter that has the same name and value in PyTorch. The loss is a mean of the
output with random factors.

Where a ReLU or a maximum is within rounding error of its kink, rounding alone decides on which side it is, and gradients
jump by a percent, here and in PyTorch at different places. The last columns have the largest error of both modes for the
same models with smooth functions in place of those (SiLU, averages), where nothing can jump.

Two outputs differ by more than 1e-5, of fcn_resnet50 and inception_v3: PyTorch's own float32 does so too, since
networks of this depth with random weights multiply every rounding error. It is up to three times as near to float64 in
convolutional networks. Products of matrices are added up in one order here, whatever the size of vectors and blocks, so
that all machines give the same bits: the error of a sum of 4,608 products is 1.2e-6, and PyTorch's, which adds up
blocks, 2.6e-7.

${errors}
`;
}

const [folder, ...options] = process.argv.slice(2);
const only = options.includes("--only") ? options[options.indexOf("--only") + 1] : "";
const rows = await compareAll(folder, only);
if (options.includes("--write")) {
  const { metadata } = loadSafetensors(join(folder, `${rows[0].name}.safetensors`));
  writeFileSync(TABLE, document(rows, metadata.torch.replace(/\+.*/, "")));
}
