/**
 * Runs after `asc`: writes the kernels, in parts, and the contract with TypeScript (kernel_contract.ts) into
 * src/runtime, so that the library contains both.
 * usage: tsx scripts/inline_wasm.ts
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { compress } from "lzma";
import { decodeLzma } from "../src/runtime/code/lzma.ts";
import { IDENTITY_SECTION, identityOf } from "../src/runtime/identity.ts";
import { readContract, writeContract } from "./kernel_contract.ts";
import { cutIntoParts, difference } from "./kernel_parts.ts";
import { memoryFlagsAt, withSection } from "./wasm_file.ts";

const header = "// Made by scripts/inline_wasm.ts from the kernels: do not edit.\n";
const bytes = readFileSync("build/kernels.wasm");
const relaxed = readFileSync("build/kernels.relaxed.wasm");

const sources = readdirSync("assembly", { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts") && !/\bladder\b/.test(file))
  .map((file) => `assembly/${file.replaceAll("\\", "/")}`)
  .sort();
const contract = readContract(
  readFileSync("build/kernels.d.ts", "utf8"),
  new Map(sources.map((file) => [file, readFileSync(file, "utf8")])),
);
writeFileSync("src/runtime/kernels.generated.ts", header + writeContract(contract));

const parts = cutIntoParts(bytes, new Map(contract.kernels.map(({ name, file }) => [name, file])));
parts.set("relaxed", difference(bytes, relaxed));

/** A module that exports each part as base64. */
function writeParts(file: string, encode: (part: Uint8Array) => Uint8Array): number {
  const texts = [...parts].map(([name, part]) => [name, Buffer.from(encode(part)).toString("base64")]);
  const lines = texts.map(([name, text]) => `export const ${name}: string =\n  "${text}";\n`);
  writeFileSync(`src/runtime/code/${file}.generated.ts`, header + lines.join(""));
  return texts.reduce((sum, [, text]) => sum + text.length, 0);
}

function compressed(part: Uint8Array): Uint8Array {
  const packed = Uint8Array.from(compress(part, 9));
  if (!Buffer.from(decodeLzma(packed)).equals(part)) throw new Error("inline_wasm: decodeLzma gives other bytes");
  return packed;
}

const plain = writeParts("plain", (part) => part);
const packed = writeParts("packed", compressed);
writeFileSync(
  "src/runtime/code/about.generated.ts",
  `${header}/** The name of this build: see identity.ts. */
export const IDENTITY: string = "${identityOf(bytes)}";

/** Where the flags of the imported memory are: see binary.ts. */
export const MEMORY_FLAGS: number = ${memoryFlagsAt(bytes)};
`,
);

mkdirSync("dist", { recursive: true });
// the file contains the identity of its build, which useKernels() checks
writeFileSync("dist/kernels.wasm", withSection(bytes, IDENTITY_SECTION, identityOf(bytes)));
writeFileSync(
  "dist/kernels.wasm.d.ts",
  `import type { KernelsModule } from "./runtime/kernel_types.js";
/** The kernels as a module, for \`useKernels\`, where the tool that builds the program compiles .wasm files. */
declare const kernels: KernelsModule;
export default kernels;
`,
);
console.log(
  `kernels: ${contract.kernels.length} functions, ${bytes.length} bytes in ${parts.size} parts; ` +
    `${plain} characters in the library, ${packed} in the library for pages`,
);
