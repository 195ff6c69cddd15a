/**
 * Times training on two ranks against one, and the sum over ranks against MPI's own, in processes that take
 * turns. It needs Open MPI and two idle cores: other programs on the machine count against two ranks.
 * usage: npm run bench:distributed -- 5
 */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { root } from "../lib/results.ts";
import { median } from "../lib/statistics.ts";

const ROUNDS = Number(process.argv[2] ?? 5);
const BATCH = 64;
const SHARDS = [2, 8];

interface Times {
  ms: number;
  cpu: number;
}

function run(ranks: number, ...args: (string | number)[]): unknown {
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
function ratio(jobs: readonly Record<string, Times[]>[], a: string, b: string, key: keyof Times): string {
  return median(jobs.flatMap((job) => job[a].map((times, i) => times[key] / job[b][i][key]))).toFixed(2);
}

console.log(`a training step of the inpainting autoencoder, batch ${BATCH}, one thread for each rank`);
for (const shards of SHARDS) {
  const jobs = Array.from({ length: ROUNDS }, () => run(2, "step", BATCH, shards) as Record<string, Times[]>);
  console.log(
    `\n${shards} shards, ${jobs.length * jobs[0].cut.length} rounds      ms  processor  faster than 1 rank  than 1 rank, not cut`,
  );
  for (const [name, title] of [
    ["whole", "1 rank, not cut"],
    ["cut", "1 rank"],
    ["together", "2 ranks"],
    ["apart", "2 ranks that exchange nothing"],
  ]) {
    const [ms, cpu] = (["ms", "cpu"] as const).map((key) =>
      median(jobs.flatMap((job) => job[name].map((t) => t[key]))),
    );
    const [cut, whole] = ["cut", "whole"].map((other) => `${ratio(jobs, other, name, "ms")} x`);
    console.log(
      `${title.padEnd(30)}${ms.toFixed(1).padStart(6)}${cpu.toFixed(1).padStart(11)}${cut.padStart(20)}${whole.padStart(22)}`,
    );
  }
}
console.log();
for (const length of [111_000, 10_000_000]) {
  const all = Array.from({ length: ROUNDS }, () => run(2, "reduce", length) as Record<string, number[]>);
  const of = (name: string) => all.map((times) => median(times[name]));
  for (const name of ["tree", "tree after meeting", "MPI_Allreduce"]) {
    const ratio = median(of(name).map((ms, i) => ms / of("MPI_Allreduce")[i]));
    console.log(
      `${length} floats, 2 ranks, ${name}: ${median(of(name)).toFixed(3)} ms, ${ratio.toFixed(2)} x MPI_Allreduce`,
    );
  }
}
