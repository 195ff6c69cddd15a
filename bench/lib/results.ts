/**
 * Results are kept as JSON, one file a run of a suite; the tables in the docs are
 * written from these files alone.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Machine, machine } from "./machine.ts";

export interface Results<Row> {
  suite: string;
  machine: Machine;
  /** How it was measured: rounds, milliseconds a round … */
  settings: Record<string, string | number>;
  rows: Row[];
}

export const root = fileURLToPath(new URL("../..", import.meta.url));
/** What the docs show. */
export const resultsFolder = join(root, "bench/results");
/** Where `--quick` runs go, and all others that are not what the docs show. */
export const scratchFolder = join(root, "build/bench");

/** Five digits are more than any clock gives, and keep the files readable. */
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

/** Undefined where the suite was never run. */
export function readResults<Row>(folder: string, suite: string): Results<Row> | undefined {
  const path = join(folder, `${suite}.json`);
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : undefined;
}
