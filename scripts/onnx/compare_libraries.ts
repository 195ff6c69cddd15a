/**
 * Compares imported architectures of torchvision, timm and transformers with PyTorch, and writes
 * docs/onnx_architectures.md. The files of all would take 50 GB: while the first script writes them, this one
 * compares each architecture, notes the result in results.jsonl, and removes its files.
 *
 *     python scripts/onnx/compare_torch.py --libraries build/onnx_libraries [name ...] &
 *     npx tsx scripts/onnx/compare_libraries.ts build/onnx_libraries
 *     npx tsx scripts/onnx/compare_libraries.ts build/onnx_libraries --write
 */
import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import {
  type Comparison,
  compareWithTorch,
  errorText as error,
  type TorchErrors,
  torchErrorsOf,
} from "../../test/support/onnx/torch_comparison.ts";

const TABLE = new URL("../../docs/onnx_architectures.md", import.meta.url);
const SOURCE = new URL("library_models.py", import.meta.url);
const SETTINGS = ["names", "dynamo", "smooth"] as const;
/** Seconds without a new architecture after which the first script is taken to have ended. */
const PATIENCE = 600;

interface Row {
  name: string;
  torch?: TorchErrors;
  torchSmooth?: TorchErrors;
  results: Partial<Record<(typeof SETTINGS)[number], Comparison | string>>;
}

function errorsOf(path: string): TorchErrors | undefined {
  return existsSync(path) ? torchErrorsOf(path) : undefined;
}

async function compare(folder: string, name: string): Promise<Row> {
  const [expected, smooth] = [name, `${name}.smooth`].map((each) => join(folder, `${each}.safetensors`));
  const row: Row = { name, torch: errorsOf(expected), torchSmooth: errorsOf(smooth), results: {} };
  for (const setting of SETTINGS) {
    const path = join(folder, `${name}.${setting}.onnx`);
    if (!existsSync(path)) continue;
    row.results[setting] = await compareWithTorch(path, setting === "smooth" ? smooth : expected).catch(String);
  }
  return row;
}

async function compareAll(folder: string, results: string): Promise<void> {
  for (let waited = 0; waited < PATIENCE; waited += 2) {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (!entry.isDirectory() || entry.name.startsWith(".")) continue;
      const files = join(folder, entry.name);
      const row = await compare(files, entry.name);
      console.log(JSON.stringify(row));
      appendFileSync(results, `${JSON.stringify(row)}\n`);
      rmSync(files, { recursive: true });
      waited = 0;
    }
    await setTimeout(2000);
  }
}

const worse = (a: number | null | undefined, b: number | null | undefined) =>
  a === null || a === undefined ? b : Math.max(a, b ?? 0);

function cells({ name, torch, torchSmooth, results }: Row): string[] {
  const own = [results.names, results.dynamo];
  const compared = own.filter((result) => typeof result === "object");
  const refused = own.filter((result) => typeof result === "string");
  const names = own.map((result) => (typeof result === "object" ? `${result.found}` : ""));
  const smooth = typeof results.smooth === "object" ? results.smooth : undefined;
  if (refused.length > 0) return [name, "", ...names, String(refused[0]).slice(0, 80), "", "", ""];
  const outputs = compared.map(({ output }) => output);
  return [
    name,
    `${compared[0]?.names ?? ""}`,
    ...names,
    error(outputs.length > 0 ? Math.max(...outputs) : null),
    error(torch?.output),
    error(worse(smooth?.evaluation, smooth?.training)),
    error(smooth && worse(torchSmooth?.eval, torchSmooth?.train)),
  ];
}

/** The table of each library, in the order of library_models.py. */
function document(rows: readonly Row[]): string {
  const source = readFileSync(SOURCE, "utf8");
  const place = ({ name }: Row) => source.indexOf(`"${name}"`);
  const bounds = ["TORCHVISION", "TIMM", "TRANSFORMERS"].map((table) => source.indexOf(`\n${table} = `));
  const tables = ["torchvision", "timm", "transformers"].map((library, i) => {
    const own = rows.filter((row) => place(row) > bounds[i] && place(row) < (bounds[i + 1] ?? Infinity));
    const lines = own.sort((a, b) => place(a) - place(b)).map((row) => `| ${cells(row).join(" | ")} |`);
    return `## ${library}

| architecture | parameters | found | found, \`dynamo\` | output | PyTorch | gradients, smooth | PyTorch |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
${lines.join("\n")}
`;
  });
  const count = rows.filter((row) => place(row) >= 0).length;
  return `# Architectures of torchvision, timm and transformers

<!-- Written by \`npx tsx scripts/onnx/compare_libraries.ts FOLDER --write\`. -->

${count} more architectures than [those with all details](onnx_pytorch.md), with random weights, small inputs and a dynamic
batch, exported by recipe 1 and by the default of PyTorch's newer exporter (\`dynamo\`), and imported by
\`wasmgrad/onnx\`. No file is refused. All parameters that the output depends on are found by name in the files of
recipe 1.

- **output**: the largest relative error of the output, ‖difference‖ / ‖output‖, against PyTorch in float64; beside it that
  of PyTorch's own float32.
- **gradients, smooth**: the largest relative error of the gradient of any parameter, in evaluation and in training mode,
  of the same architecture with SiLU in place of ReLU and averages in place of maxima. Where a ReLU is within
  rounding error of 0, rounding alone decides on its gradient, in PyTorch as well as here.
- Where PyTorch's own float32 is wrong by a percent or more, the gradient is nothing but rounding: a batch norm of three
  pixels whose differences vanish.
- An empty cell: PyTorch does not export this.

Errors of convolutional networks are up to four times PyTorch's: products of matrices are added up in one order here,
whatever the size of blocks and vectors, so that all machines give the same bits, and PyTorch adds up blocks.

Embeddings have no \`padding_idx\` in ONNX: that row gets a gradient.

${tables.join("\n")}`;
}

const [folder, ...options] = process.argv.slice(2);
const results = join(folder, "results.jsonl");
if (options.includes("--write")) {
  const lines = readFileSync(results, "utf8").trim().split("\n");
  const rows = new Map(lines.map((line) => JSON.parse(line)).map((row: Row) => [row.name, row]));
  writeFileSync(TABLE, document([...rows.values()].filter(({ torch }) => torch !== undefined)));
} else await compareAll(folder, results);
