/**
 * Starts many processes in which the wide build of the kernels is compiled in the midst of other work, in
 * Node 24, 25 and 26 at once: during training, on many threads, beside threads of the program that compile
 * too, while the process ends. None may abort or hang, and all bits must be those of the narrow build.
 * usage: tsx scripts/stress_wide.ts [rounds] [major version of Node]... (default: 20 24 25 26)
 */
import { spawn } from "node:child_process";
import { resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";
import { otherNode } from "./other_node.ts";

const [rounds = "20", ...given] = process.argv.slice(2);
const versions = given.length > 0 ? given : ["24", "25", "26"];
const library = resolve("build/stress_wide/library.mjs");
const program = fileURLToPath(new URL("stress_wide_program.mjs", import.meta.url));
/** A process takes seconds; two cores run three of them at once. */
const LIMIT_MS = 180_000;

/** The public library, and the functions of it that start a compilation. */
const ENTRY = `
  export * from "./src/index.ts";
  export { beginSwap } from "./src/runtime/kernels.ts";
  export { kernelBytes } from "./src/runtime/binary.ts";
  export { flagLock, MAIN_THREAD } from "./src/runtime/wide/flag_lock.ts";
  export { flagsTag, withWideFlags } from "./src/runtime/wide/flags.ts";`;

/** What a process printed, or how it failed. */
function run(node: string, name: string, round: number): Promise<string> {
  const child = spawn(node, [program, pathToFileURL(library).href, name, String(round)], {
    env: { ...process.env, WASMGRAD_VECTOR_WIDTH: "" },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: LIMIT_MS,
    killSignal: "SIGKILL",
  });
  let printed = "";
  for (const output of [child.stdout, child.stderr]) output.on("data", (data) => (printed += data));
  return new Promise((done, reject) => {
    child.on("error", reject);
    child.on("close", (status, signal) => {
      const text = printed.trim();
      done(status === 0 ? text : `${signal ?? `status ${status}`}: ${text.slice(0, 500)}`);
    });
  });
}

/** Runs all programs with one version of Node. Returns the number of failures. */
async function stress(version: string): Promise<number> {
  const node = otherNode(version);
  const hash = (await run(node, "narrow", 0)).replace("128 ", "");
  if (!/^-?\d+$/.test(hash)) throw new Error(`node ${version}: the narrow build failed: ${hash}`);
  const expected = {
    late: `${hash} 256`,
    during: `${hash} 256`,
    start: `256 fast reproducible ${hash}`,
    set: `${hash} true`,
    exit: "",
    threads: `${hash} 256`,
    flags: `${hash} true`,
  };
  let failures = 0;
  for (const [name, right] of Object.entries(expected)) {
    const start = performance.now();
    let wrong = 0;
    for (let round = 0; round < Number(rounds); round++) {
      const printed = await run(node, name, round);
      if (printed === right) continue;
      wrong++;
      console.log(`node ${version}, ${name}, round ${round}: expected "${right}", got "${printed}"`);
    }
    failures += wrong;
    const seconds = ((performance.now() - start) / 1000).toFixed(0);
    console.log(`node ${version}, ${name}: ${rounds} processes, ${wrong} failures, ${seconds} s`);
  }
  console.log(`node ${version}: ${failures} failures, weights ${hash}`);
  return failures;
}

await build({
  stdin: { contents: ENTRY, resolveDir: process.cwd() },
  bundle: true,
  format: "esm",
  target: "node20",
  logLevel: "error",
  outfile: library,
});
const failures = await Promise.all(versions.map(stress));
if (failures.some((count) => count > 0)) process.exitCode = 1;
