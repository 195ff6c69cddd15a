/**
 * Results are kept as JSON files, one for each run of a suite. The tables in the docs are written from these
 * files alone.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Machine, machine } from "./machine.ts";

export interface Results<Row> {
  suite: string;
  machine: Machine;
  /** How it was measured: rounds, milliseconds per round … */
  settings: Record<string, string | number>;
  rows: Row[];
}

export const root = fileURLToPath(new URL("../..", import.meta.url));
/** The results that the docs show. */
export const resultsFolder = join(root, "bench/results");
/** The results that the docs do not show, for example of `--quick` runs. */
export const scratchFolder = join(root, "build/bench");

/** Keeps five digits: more than any clock measures, and few enough to read. */
function shorten(_key: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value;
}

export function writeResults<Row>(
  folder: string,
  suite: string,
  settings: Results<Row>["settings"],
  rows: Row[],
): Results<Row> {
  const results = { suite, machine: machine(), settings, rows };
  const path = join(folder, `${suite}.json`);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify(results, shorten, 2)}\n`);
  return results;
}

/** The results of a suite; undefined if it was never run. */
export function readResults<Row>(folder: string, suite: string): Results<Row> | undefined {
  const path = join(folder, `${suite}.json`);
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : undefined;
}
