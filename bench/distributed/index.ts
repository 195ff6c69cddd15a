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
const SHARDS = 8;

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

const jobs = Array.from({ length: ROUNDS }, () => run(2, "step", BATCH, SHARDS) as Record<string, Times[]>);
const pairs = (a: string, b: string, key: keyof Times) =>
  median(jobs.flatMap((job) => job[a].map((times, i) => times[key] / job[b][i][key])));
const each = (name: string, key: keyof Times) => median(jobs.flatMap((job) => job[name].map((times) => times[key])));
console.log(
  `a training step of the inpainting autoencoder, batch ${BATCH}, one thread for each rank, ${20 * ROUNDS} rounds`,
);
console.log(`1 rank, not cut: ${each("whole", "ms").toFixed(1)} ms, processor ${each("whole", "cpu").toFixed(1)} ms`);
for (const [name, title] of [
  ["cut", `1 rank, ${SHARDS} shards`],
  ["together", `2 ranks, ${SHARDS} shards`],
]) {
  const [ms, cpu] = [each(name, "ms"), each(name, "cpu")].map((value) => value.toFixed(1));
  const [faster, less] = [pairs("whole", name, "ms"), pairs("whole", name, "cpu")].map((ratio) => ratio.toFixed(2));
  console.log(`${title}: ${ms} ms (${faster} x as fast), processor ${cpu} ms for each rank (${less} x less)`);
}
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
