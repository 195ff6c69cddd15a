/**
 * Bundles the programs of worker threads into strings, so that the library contains them. With --check it
 * writes nothing, and fails unless the strings match the sources.
 * usage: tsx scripts/inline_worker.ts [--check]
 */
import { readFileSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { build } from "esbuild";

const WORKERS = [
  { program: "src/runtime/parallel/worker", name: "workerSource" },
  { program: "src/runtime/wide/compile_worker", name: "compileWorkerSource" },
];

for (const { program, name } of WORKERS) {
  const { outputFiles } = await build({
    entryPoints: [`${program}.ts`],
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
  const file = `${program}.generated.ts`;
  const text = `// Made by scripts/inline_worker.ts from ${basename(program)}.ts: do not edit.
/** The program of a worker thread, as a script. */
export const ${name}: string =
  ${JSON.stringify(source)};
`;
  if (!process.argv.includes("--check")) {
    writeFileSync(file, text);
    console.log(`${basename(program)}: ${source.length} bytes`);
  } else if (readFileSync(file, "utf8") !== text) {
    throw new Error(`inline_worker: ${file} is not made of the sources as they are: run npm run build:worker`);
  }
}
