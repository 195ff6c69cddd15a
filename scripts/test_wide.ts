/**
 * Runs the tests under Node 24 and 26 with vectors of 256 bits from the first operation on, also in the
 * processes that a test starts (vitest.wide.config.ts says which). Both versions run at once: on two cores,
 * each keeps one of them busy. Results are in build/test-results-node24.json and so on. Nothing is built.
 * usage: tsx scripts/test_wide.ts [--node 24,26] [file or folder]... (default: all that run the kernels)
 */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { otherNode } from "./other_node.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { node: { type: "string", default: "24,26" } },
});

/** Runs them and prints what they print, line by line, each with the version. */
function runTests(version: string): Promise<void> {
  const args = [
    "node_modules/vitest/vitest.mjs",
    "run",
    "--config=vitest.wide.config.ts",
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=build/test-results-node${version}.json`,
    ...positionals,
  ];
  const child = spawn(otherNode(version), args, {
    env: { ...process.env, WASMGRAD_VECTOR_WIDTH: "256" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  for (const input of [child.stdout, child.stderr]) {
    createInterface({ input }).on("line", (line) => console.log(`${version} | ${line}`));
  }
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status) => {
      if (status !== 0) process.exitCode = 1;
      resolve();
    });
  });
}

await Promise.all(values.node.split(",").map(runTests));
