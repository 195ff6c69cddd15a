/**
 * Runs the tests under Node 24 and 26 with vectors of 256 bits from the first operation on: V8's flags are
 * set for the whole process (not in the processes that a test starts). Both versions run at once: each runs
 * one file after the other and keeps about one core busy. Results are in build/test-results-node24.json and
 * so on.
 * usage: npm run test:wide -- [--node 24,26] [file or folder]... (default: all that run the kernels)
 */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { otherNode } from "./other_node.ts";
import { WIDE_FLAGS } from "./vector_width/flags.ts";

/** Tests of documents, of the package's files and of other kernels: the width of vectors does not matter. */
const OTHERS = ["test/texts/**", "test/product/package.test.ts", "test/suspicion/ladder.test.ts"];

/** Two suites share the cores, and the machine may be slow: the limit of a test is for hangs. */
const LIMIT_MS = 300_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { node: { type: "string", default: "24,26" } },
});

/** Runs them and prints what they print, line by line, each with the version. */
function runTests(version: string): Promise<void> {
  const args = [
    "node_modules/vitest/vitest.mjs",
    "run",
    ...WIDE_FLAGS.map((flag) => `--execArgv=${flag}`),
    ...OTHERS.flatMap((pattern) => ["--exclude", pattern]),
    `--testTimeout=${LIMIT_MS}`,
    `--hookTimeout=${LIMIT_MS}`,
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
