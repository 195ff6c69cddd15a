/**
 * Lists what V8 packs into 256 bits in each kernel, by its own trace, and what is in the way of the rest.
 * usage: npm run wide:report -- [--node 24,26] [--relaxed] [--write] [part of a name or path]...
 *   --node     major versions; those that do not run this come from npm
 *   --relaxed  the build with fused multiplications and additions
 *   --write    all of it, to assembly/packed_kernels.md
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { otherNode } from "../other_node.ts";
import { WIDE_FLAGS } from "./flags.ts";
import { readFunctions } from "./functions.ts";
import { packedKernelsPage } from "./page.ts";
import { details, HEADER, type Row, readRows, summary } from "./rows.ts";
import { type Packing, readTrace } from "./trace.ts";

const PAGE = "assembly/packed_kernels.md";
const FOLDER = "build/vector_width";

/** Set after the start, so that nothing but the kernels is compiled with them. */
const PROGRAM = `
  for (const flag of ${JSON.stringify([...WIDE_FLAGS, "--trace-wasm-revectorize"])}) require("node:v8").setFlagsFromString(flag);
  new WebAssembly.Module(require("node:fs").readFileSync(process.argv[1]));`;

function trace(node: string, file: string): Map<number, Packing> {
  // with one thread the traces of functions stand one after the other
  const printed = execFileSync(node, ["--wasm-num-compilation-tasks=0", "-e", PROGRAM, file], {
    encoding: "utf8",
    maxBuffer: 2 ** 30,
  });
  const packings = readTrace(printed);
  if (packings.size === 0) throw new Error(`${node}: no trace. It takes Node 24 to 26 on x64 with AVX2`);
  return packings;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    node: { type: "string", default: "24,26" },
    relaxed: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
  },
});
const name = values.relaxed ? "relaxed" : "release";
const [wasm, text] = [`${FOLDER}/${name}.wasm`, `${FOLDER}/${name}.wat`];
mkdirSync(FOLDER, { recursive: true });
// the same bytes as in build/, and their text
execFileSync("asc", ["--target", name, "--outFile", wasm, "--textFile", text], { stdio: "inherit" });

const nodes = values.node.split(",").map(otherNode);
const versions = nodes.map((node) => execFileSync(node, ["-p", "process.versions.node"], { encoding: "utf8" }).trim());
const functions = readFunctions(readFileSync(text, "utf8"));
const rows = readRows(
  functions,
  nodes.map((node) => trace(node, wasm)),
);
if (values.write) {
  writeFileSync(PAGE, packedKernelsPage(rows, versions));
  console.log(`${PAGE}: written`);
} else {
  const isWanted = ({ file, name, kernel }: Row) =>
    positionals.length === 0 || positionals.some((part) => `${file} ${name} ${kernel}`.includes(part));
  const cells = rows
    .filter(isWanted)
    .map((row) => [
      row.isCalled ? `  calls ${row.name}` : row.name,
      row.file.replace("assembly/", ""),
      ...row.states,
      ...details(row),
    ]);
  const header = ["kernel", "file", ...versions.map((version) => `Node ${version}`), ...HEADER];
  const widths = header.map((title, i) => Math.max(title.length, ...cells.map((row) => row[i].length)));
  console.log(summary(rows));
  for (const row of [header, ...cells])
    console.log(
      row
        .map((cell, i) => cell.padEnd(widths[i]))
        .join("  ")
        .trimEnd(),
    );
}
