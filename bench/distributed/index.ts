/**
 * Times training on two ranks against one, and the sum over ranks against MPI's own, in processes that take
 * turns. It needs Open MPI and two cores of its own: other programs on the machine count against two ranks.
 * usage: npm run bench:distributed -- 5
 */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { root } from "../lib/results.ts";
import { median } from "../lib/statistics.ts";

const ROUNDS = Number(process.argv[2] ?? 5);
const BATCH = 64;

interface Step {
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

const CASES = [
  { name: "1 rank, not cut", ranks: 1, shards: 0 },
  { name: "1 rank, 8 shards", ranks: 1, shards: 8 },
  { name: "2 ranks, 2 shards", ranks: 2, shards: 2 },
  { name: "2 ranks, 8 shards", ranks: 2, shards: 8 },
];

const rounds = Array.from({ length: ROUNDS }, () =>
  CASES.map(({ ranks, shards }) => {
    const { steps } = run(ranks, "step", BATCH, shards) as { steps: Step[] };
    const least = Math.min(...steps.map(({ ms }) => ms));
    return { ms: median(steps.map(({ ms }) => ms)), least, cpu: median(steps.map(({ cpu }) => cpu)) };
  }),
);
console.log(
  `a training step of the inpainting autoencoder, batch ${BATCH}, one thread for each rank, ${ROUNDS} rounds`,
);
for (const [i, { name }] of CASES.entries()) {
  const of = (key: "ms" | "least" | "cpu") => median(rounds.map((round) => round[i][key]));
  const ratio = (key: "ms" | "least" | "cpu") => median(rounds.map((round) => round[0][key] / round[i][key]));
  const figures = (["ms", "least", "cpu"] as const).map((key) => `${of(key).toFixed(1)} (${ratio(key).toFixed(2)} x)`);
  console.log(`${name}: median ${figures[0]} ms, fastest ${figures[1]}, processor time of a rank ${figures[2]}`);
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
