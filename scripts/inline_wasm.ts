/**
 * After `asc`: writes the bytes of the kernels and their TypeScript interface into src/wasm, so that the library carries
 * them. usage: tsx scripts/inline_wasm.ts
 */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";

const header = "// Made by scripts/inline_wasm.ts from build/kernels.wasm: do not edit.\n";
const bytes = readFileSync("build/kernels.wasm");
writeFileSync(
  "src/wasm/binary.generated.ts",
  `${header}export const kernelsBase64 =\n  "${bytes.toString("base64")}";\n`,
);

// asc describes the exports in build/kernels.d.ts, one `export declare function` a kernel, with its doc comment
const declarations = readFileSync("build/kernels.d.ts", "utf8");
const methods = [...declarations.matchAll(/export function (\w+\(.*\): \w+);/g)].map((match) => `  ${match[1]};`);
if (methods.length === 0) throw new Error("inline_wasm: no function found in build/kernels.d.ts");
writeFileSync("src/wasm/kernels.generated.ts", `${header}export interface Kernels {\n${methods.join("\n")}\n}\n`);

mkdirSync("dist", { recursive: true });
copyFileSync("build/kernels.wasm", "dist/kernels.wasm");
console.log(`kernels: ${methods.length} functions, ${bytes.length} bytes`);
