/** Measures the library alone. See bench/README.md. */
import { spawnSync } from "node:child_process";
import { Command } from "commander";
import { manualSeed, setNumThreads } from "wasmgrad";
import { Ceiling } from "./lib/ceiling.ts";
import { nodeCommand, sources } from "./lib/child.ts";
import { compileCeiling } from "./lib/compile_ceiling.ts";
import { resultsFolder, scratchFolder, writeResults } from "./lib/results.ts";
import type { Context, Suite } from "./lib/suite.ts";
import { batches } from "./suites/batches.ts";
import { conv } from "./suites/conv.ts";
import { modelSteps } from "./suites/models.ts";
import { ops } from "./suites/ops.ts";
import { scale } from "./suites/scale.ts";
import { size } from "./suites/size.ts";
import { startup } from "./suites/startup.ts";
import { step } from "./suites/step.ts";
import { threads } from "./suites/threads.ts";
import { vanished } from "./suites/vanished.ts";
import { width } from "./suites/width.ts";

const suites: readonly Suite[] = [step, conv, ops, vanished, modelSteps, threads, batches, startup, size, width, scale];
/** Without --only and --all. */
const usual: readonly Suite[] = [step, conv, ops, vanished];

/** The settings with which the results of the docs are measured. */
const preset = { rounds: 12, time: 60 };

const program = new Command("npm run bench --")
  .description(suites.map(({ name, about }) => `${name.padEnd(8)} ${about}`).join("\n"))
  .option("--only <suites>", "some of these, separated by commas", (text) => text.split(","))
  .option("--all", `all of these (default: ${usual.map(({ name }) => name)})`)
  .option("--cases <names>", "times the cases of the tests instead: ops, families or all", (text) => text.split(","))
  .option("--rounds <count>", "rounds in which the sides alternate", Number, preset.rounds)
  .option("--time <milliseconds>", "of each side in a round", Number, preset.time)
  .option("--threads <count>", "of the suites conv and ops", Number, 1)
  .option("--quick", "few and short rounds; the results go to build/bench")
  .parse();
const options = program.opts<{
  only?: string[];
  all?: boolean;
  cases?: string[];
  rounds: number;
  time: number;
  threads: number;
  quick?: boolean;
}>();
if (options.quick) Object.assign(options, { rounds: 3, time: 20 });
const { rounds, time } = options;
const unknown = options.only?.filter((name) => !suites.some((suite) => suite.name === name)) ?? [];
if (unknown.length > 0) program.error(`unknown suite: ${unknown}`);
if (!(rounds >= 1 && time > 0)) program.error("--rounds and --time must be positive");

if (options.cases) {
  const [command, ...rest] = nodeCommand("cases.ts", String(time), String(options.threads), ...options.cases);
  const { status } = spawnSync(command, rest, { stdio: "inherit", env: { ...process.env, ...sources } });
  process.exit(status ?? 1);
}

// the docs show ops and kernels on one thread only; results with more threads are just printed
const forDocs = rounds === preset.rounds && time === preset.time && options.threads === 1;
const output = forDocs ? resultsFolder : scratchFolder;
let ceiling: Promise<Ceiling> | undefined;
const context: Context = {
  rounds,
  time,
  threads: options.threads,
  ceiling: () => (ceiling ??= compileCeiling("baseline").then((bytes) => new Ceiling(bytes))),
  save: (suite, rows, settings = { rounds, "ms per turn": time, threads: options.threads }) =>
    void writeResults(output, suite, settings, rows),
};

console.log(`Node ${process.versions.node}, V8 ${process.versions.v8}`);
for (const suite of suites) {
  if (!(options.only?.includes(suite.name) ?? (options.all || usual.includes(suite)))) continue;
  setNumThreads(options.threads);
  manualSeed(0);
  await suite.run(context);
}
