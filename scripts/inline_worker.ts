/**
 * Bundles src/runtime/parallel/worker.ts into a string, so that the library contains the program of its
 * workers. With --check it writes nothing, and fails unless the string matches the sources.
 * usage: tsx scripts/inline_worker.ts [--check]
 */
import { readFileSync, writeFileSync } from "node:fs";
import { build } from "esbuild";

const file = "src/runtime/parallel/worker.generated.ts";
const { outputFiles } = await build({
  entryPoints: ["src/runtime/parallel/worker.ts"],
  bundle: true,
  write: false,
  platform: "neutral",
  format: "cjs", // a script for browsers, and for Node, where it can call require()
  external: ["node:*"],
  target: "es2022",
  minify: true,
  tsconfigRaw: { compilerOptions: { alwaysStrict: true } },
  logLevel: "error",
});
const source = outputFiles[0].text.trim();
const text = `// Made by scripts/inline_worker.ts from worker.ts: do not edit.
/** The program of a worker thread, as a script. */
export const workerSource: string =
  ${JSON.stringify(source)};
`;
if (!process.argv.includes("--check")) {
  writeFileSync(file, text);
  console.log(`worker: ${source.length} bytes`);
} else if (readFileSync(file, "utf8") !== text) {
  throw new Error(`inline_worker: ${file} is not made of the sources as they are: run npm run build:worker`);
}
