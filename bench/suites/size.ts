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
  /** After gzip -9. */
  gzip?: number;
}

const METHODS = 'import { tensor } from "wasmgrad"; console.log(tensor([[1]]).matmul(tensor([[2]])).item());';
const FUNCTIONS = METHODS.replace('tensor } from "wasmgrad"', 'matmul, tensor } from "wasmgrad/core"').replace(
  "tensor([[1]]).matmul(tensor([[2]]))",
  "matmul(tensor([[1]]), tensor([[2]]))",
);
const BESIDE = { "wasmgrad/kernels": "wasmgrad/kernels/none" };

/** Programs, with the option of a bundler that replaces a package. */
const PROGRAMS: [name: string, program: string, alias?: Record<string, string>][] = [
  ["`tensor` and `matmul` of `wasmgrad/core`", FUNCTIONS],
  ["`tensor` and `matmul` of `wasmgrad`", METHODS],
  ["`tensor` and `matmul` of `wasmgrad/core`, beside kernels.wasm", FUNCTIONS, BESIDE],
  ["`tensor` and `matmul` of `wasmgrad`, beside kernels.wasm", METHODS, BESIDE],
  ["`connect` of `wasmgrad/worker`", 'import { connect } from "wasmgrad/worker"; console.log(connect);'],
  [
    "Linear, SGD and a loss",
    `import { Linear, MSELoss } from "wasmgrad/nn"; import { SGD } from "wasmgrad/optim";
    console.log(Linear, MSELoss, SGD);`,
  ],
];

/** The bundle that a web page loads: the program with its imports, minified. */
async function bundle(entry: string, alias: Record<string, string> = {}): Promise<Uint8Array> {
  const { outputFiles } = await build({
    stdin: { contents: entry, resolveDir: root },
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    alias,
    tsconfigRaw: "{}", // the package, not the sources that tsconfig.json maps its name to
    write: false,
  });
  return outputFiles[0].contents;
}

/** The public entries of the package for pages, in the order of package.json. */
export function entries(): string[] {
  const { name, exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    name: string;
    exports: Record<string, string | { default: string }>;
  };
  const isEntry = (target: string | { default: string }) =>
    typeof target !== "string" && target.default.endsWith("/index.js");
  return Object.keys(exports)
    .filter((path) => isEntry(exports[path]))
    .map((path) => name + path.slice(1));
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
  const compressed = (bytes: Uint8Array) => gzipSync(bytes, { level: 9 }).length;
  const minified = readFileSync(join(root, "dist/wasmgrad.min.js"));
  const rows: SizeRow[] = [
    { name: "package, packed", bytes: size },
    { name: "package, unpacked", bytes: unpackedSize },
    { name: "kernels.wasm", bytes: wasm.length, gzip: compressed(wasm) },
    { name: "wasmgrad.min.js, for pages without a bundler", bytes: minified.length, gzip: compressed(minified) },
  ];
  const programs = [
    ...PROGRAMS,
    ...entries().map((entry) => [`all of ${entry}`, `export * from "${entry}";`] as const),
  ];
  for (const [name, program, alias] of programs) {
    const bytes = await bundle(program, alias);
    rows.push({ name: `bundled for a page: ${name}`, bytes: bytes.length, gzip: compressed(bytes) });
  }
  printTable(
    "Sizes",
    ["", "KB", "gzip"],
    rows.map(({ name, bytes, gzip }) => [name, (bytes / 1000).toFixed(1), gzip ? (gzip / 1000).toFixed(1) : ""]),
  );
  context.save("size", rows, {});
}

export const size: Suite = { name: "size", about: "of the package", run };
