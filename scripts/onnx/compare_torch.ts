/**
 * Compares imported models with PyTorch, and writes the table of docs/onnx_pytorch.md.
 *
 *     python scripts/onnx/compare_torch.py build/onnx_torch
 *     npx tsx scripts/onnx/compare_torch.ts build/onnx_torch [--only NAME] [--write]
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { loadSafetensors } from "wasmgrad/io";
import { type Comparison, compareWithTorch } from "../../test/support/onnx/torch_comparison.ts";

const [folder, ...options] = process.argv.slice(2);
const only = options.includes("--only") ? options[options.indexOf("--only") + 1] : "";

/** What became of one export. */
interface Row {
  name: string;
  setting: string;
  result: Comparison | string;
}

const rows: Row[] = [];
const files = readdirSync(folder).sort();
for (const file of files.filter((name) => name.endsWith(".onnx") && name.startsWith(only))) {
  const [name, setting] = file.split(".");
  const expected = join(folder, `${name}.safetensors`);
  const result = await compareWithTorch(join(folder, file), expected).catch(String);
  rows.push({ name, setting, result });
  const torch = JSON.parse(loadSafetensors(expected).metadata.errors);
  console.log(name, setting, typeof result === "string" ? result : JSON.stringify({ ...result, torch }));
}
