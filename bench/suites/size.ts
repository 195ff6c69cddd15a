import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { root } from "../lib/results.ts";
import type { Context, Suite } from "../lib/suite.ts";
import { printTable } from "../lib/table.ts";

export interface SizeRow {
  name: string;
  bytes: number;
}

/** The bundle that a web page loads: the program with its imports, minified. */
async function bundle(entry: string): Promise<Uint8Array> {
  const { outputFiles } = await build({
    stdin: { contents: entry, resolveDir: root },
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    tsconfigRaw: "{}", // the package, not the sources that tsconfig.json maps its name to
    write: false,
  });
  return outputFiles[0].contents;
}

async function run(context: Context): Promise<void> {
  const pack = execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
    cwd: root,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  const report = JSON.parse(pack);
  // npm up to version 11 prints a list, later versions an object whose keys are names
  const [{ size, unpackedSize }] = Object.values(report) as { size: number; unpackedSize: number }[];
  const wasm = readFileSync(join(root, "dist/kernels.wasm"));
  const program = await bundle('export * from "wasmgrad"; export { DataLoader } from "wasmgrad/data";');
  const rows: SizeRow[] = [
    { name: "package, packed", bytes: size },
    { name: "package, unpacked", bytes: unpackedSize },
    { name: "kernels.wasm", bytes: wasm.length },
    { name: "kernels.wasm, gzip", bytes: gzipSync(wasm, { level: 9 }).length },
    { name: "bundled for a page, kernels inside", bytes: program.length },
    { name: "the same, gzip", bytes: gzipSync(program, { level: 9 }).length },
  ];
  printTable(
    "Sizes",
    ["", "KB"],
    rows.map(({ name, bytes }) => [name, (bytes / 1000).toFixed(1)]),
  );
  context.save("size", rows, {});
}

export const size: Suite = { name: "size", about: "of the package", run };
