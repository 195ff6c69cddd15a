/**
 * Times training on two ranks against one, and the sum over ranks against MPI's own, in processes that take
 * turns. It needs Open MPI and two idle cores: other programs on the machine count against two ranks. With
 * the usual number of jobs, the docs show the results after `npm run bench:report`.
 * usage: npm run bench:distributed -- 5
 */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { resultsFolder, root, scratchFolder, writeResults } from "../lib/results.ts";
import { median } from "../lib/statistics.ts";
import { digits, printTable } from "../lib/table.ts";
import type { DistributedRow, StepRow, SumRow } from "./rows.ts";

const USUAL_JOBS = 5;
const JOBS = Number(process.argv[2] ?? USUAL_JOBS);
const BATCH = 64;
const SHARDS = [2, 8];
const LENGTHS = [111_000, 10_000_000];

/** Milliseconds by what was timed, one for each round. */
type Times = Record<string, number[]>;

function run(ranks: number, ...args: (string | number)[]): Times {
  const env = {
    ...process.env,
    TSX_TSCONFIG_PATH: join(root, "tsconfig.json"),
    OMPI_ALLOW_RUN_AS_ROOT: "1",
    OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: "1",
  };
  const node = [process.execPath, "--import", "tsx", join(root, "bench/distributed/rank.ts"), ...args.map(String)];
  const [command, ...rest] = ["mpirun", "-n", String(ranks), ...node];
  return JSON.parse(execFileSync(command, rest, { env, cwd: root, encoding: "utf8" }));
}

/** Median of the ratios of two kinds of steps, each pair of the same round. */
function ratio(jobs: readonly Times[], a: string, b: string): number {
  return median(jobs.flatMap((job) => job[a].map((ms, i) => ms / job[b][i])));
}

function stepRows(shards: number): StepRow[] {
  const jobs = Array.from({ length: JOBS }, () => run(2, "step", BATCH, shards));
  return Object.entries({
    whole: "1 rank, not cut",
    cut: "1 rank",
    together: "2 ranks",
    apart: "2 ranks that exchange nothing",
  }).map(([name, title]) => ({
    kind: "step",
    name: `${shards} shards: ${title}`,
    ms: median(jobs.flatMap((job) => job[name])),
    faster: ratio(jobs, "cut", name),
    fasterThanWhole: ratio(jobs, "whole", name),
  }));
}

function sumRows(length: number): SumRow[] {
  const jobs = Array.from({ length: JOBS }, () => run(2, "reduce", length));
  return ["tree", "tree after meeting", "MPI_Allreduce"].map((name) => ({
    kind: "sum",
    name: `${length.toLocaleString("en")} floats: ${name}`,
    ms: median(jobs.map((job) => median(job[name]))),
    longer: median(jobs.map((job) => median(job[name]) / median(job.MPI_Allreduce))),
  }));
}

const steps = SHARDS.flatMap(stepRows);
printTable(
  `a training step of the inpainting autoencoder, batch ${BATCH}, one thread for each rank`,
  ["", "ms", "faster than 1 rank", "than 1 rank, not cut"],
  steps.map((row) => [row.name, digits(row.ms), digits(row.faster), digits(row.fasterThanWhole)]),
);
const sums = LENGTHS.flatMap(sumRows);
printTable(
  "the sum over 2 ranks",
  ["", "ms", "times MPI_Allreduce"],
  sums.map((row) => [row.name, digits(row.ms), digits(row.longer)]),
);
const folder = JOBS === USUAL_JOBS ? resultsFolder : scratchFolder;
writeResults<DistributedRow>(folder, "distributed", { jobs: JOBS, batch: BATCH }, [...steps, ...sums]);
