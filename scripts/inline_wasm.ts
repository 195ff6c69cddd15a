/**
 * Runs after `asc`: writes the bytes of the kernels and the contract with TypeScript (kernel_contract.ts)
 * into src/runtime, so that the library contains both.
 * usage: tsx scripts/inline_wasm.ts
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { IDENTITY_SECTION, identityOf } from "../src/runtime/identity.ts";
import { readContract, writeContract } from "./kernel_contract.ts";
import { delta, memoryFlagsAt, withSection } from "./wasm_file.ts";

const header = "// Made by scripts/inline_wasm.ts from the kernels: do not edit.\n";
const bytes = readFileSync("build/kernels.wasm");
const relaxed = readFileSync("build/kernels.relaxed.wasm");
const pieces = delta(bytes, relaxed);
if (memoryFlagsAt(bytes) !== memoryFlagsAt(relaxed))
  throw new Error("inline_wasm: the builds import memory differently");
writeFileSync(
  "src/runtime/binary.generated.ts",
  `${header}export const kernelsBase64: string =
  "${bytes.toString("base64")}";

/** Where the flags of the imported memory are: see binary.ts. */
export const MEMORY_FLAGS = ${memoryFlagsAt(bytes)};

/** The relaxed-SIMD build: pieces of the bytes above, from begin to end, and its own bytes (base64). */
export const relaxedPieces: readonly (string | readonly [begin: number, end: number])[] = ${JSON.stringify(
    pieces.map((piece) => (piece instanceof Uint8Array ? Buffer.from(piece).toString("base64") : piece)),
  )};
`,
);

const sources = readdirSync("assembly", { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts") && !/\bladder\b/.test(file))
  .map((file) => `assembly/${file.replaceAll("\\", "/")}`)
  .sort();
const contract = readContract(
  readFileSync("build/kernels.d.ts", "utf8"),
  new Map(sources.map((file) => [file, readFileSync(file, "utf8")])),
);
writeFileSync("src/runtime/kernels.generated.ts", header + writeContract(contract));

mkdirSync("dist", { recursive: true });
// the file contains the identity of its build, which useKernels() checks
writeFileSync("dist/kernels.wasm", withSection(bytes, IDENTITY_SECTION, identityOf(bytes)));
const own = pieces.reduce((sum, piece) => sum + (piece instanceof Uint8Array ? piece.length : 0), 0);
console.log(`kernels: ${contract.kernels.length} functions, ${bytes.length} bytes; ${own} more for relaxed SIMD`);
