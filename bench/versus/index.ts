/** Measures wasmgrad against its peers. See bench/README.md. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { environment } from "../lib/child.ts";
import { resultsFolder, scratchFolder, writeResults } from "../lib/results.ts";
import { digits, printTable } from "../lib/table.ts";
import { findModel } from "../models/index.ts";
import { writeModelInputs } from "../models/inputs.ts";
import { type ContestRow, compete, fastest, waysOf } from "./contest.ts";
import { writeInputs } from "./inputs.ts";
import { installPeers } from "./install.ts";
import { PeerProcess } from "./peer_process.ts";
import {
  type Contest,
  ours,
  type PeerDefinition,
  peers,
  type WaitPolicy,
  waitPolicies,
  waysToCompute,
} from "./peers.ts";

const list = (text: string) => text.split(",");
const numbers = (text: string) => list(text).map(Number);

/** The settings with which the results of the docs are measured. */
const preset = { rounds: 10, time: 1000 };

const program = new Command("npm run bench:versus --")
  .option("--peers <names>", `some of ${peers.map(({ name }) => name)}`, list)
  .option("--only <parts>", "some of autoencoder, models, operations", list, ["autoencoder", "models", "operations"])
  .option("--models <names>", "only these networks and operations", list)
  .option("--batch <sizes>", "only these batch sizes", numbers)
  .option("--threads <numbers>", "only these numbers of threads", numbers)
  .option("--rounds <count>", "rounds in which the sides alternate", Number, preset.rounds)
  .option("--time <milliseconds>", "that a side works in each round", Number, preset.time)
  .option("--quick", "five short rounds; the results go to build/bench")
  .parse();
const options = program.opts<{
  peers?: string[];
  only: string[];
  models?: string[];
  batch?: number[];
  threads?: number[];
  rounds: number;
  time: number;
  quick?: boolean;
}>();
if (options.quick) Object.assign(options, { rounds: 5, time: 100 });
const unknown = options.peers?.filter((name) => !peers.some((peer) => peer.name === name)) ?? [];
if (unknown.length > 0) program.error(`unknown peer: ${unknown}`);
if (!(options.rounds >= 1 && options.time > 0)) program.error("--rounds and --time must be positive");

const PARTS = {
  train: "autoencoder",
  forward: "autoencoder",
  model: "models",
  operation: "operations",
  "operation forward": "operations",
} as const;
const partOf = ({ kind }: Contest) => PARTS[kind];
const chosen = (contest: Contest) =>
  options.only.includes(partOf(contest)) &&
  (options.models?.includes(contest.model!) ?? true) &&
  (options.batch?.includes(contest.batch) ?? true) &&
  (options.threads?.includes(contest.threads) ?? true);
const partial = options.batch !== undefined || options.models !== undefined || options.threads !== undefined;
const forDocs = options.rounds === preset.rounds && options.time === preset.time && !partial;
const output = forDocs ? resultsFolder : scratchFolder;

function describe(row: ContestRow): string {
  const { kind, batch, threads } = row;
  return [kind, `batch ${batch}`, `${threads} thread${threads > 1 ? "s" : ""} each`, ...waysOf(row)].join(", ");
}

function print(peer: PeerDefinition, row: ContestRow): void {
  const { ours, theirs, faster, failed } = row;
  const outcome =
    failed ??
    `${digits(ours!)} to ${digits(theirs!)} ms, ${digits(faster!.median)} x, ` +
      `processor time ${digits(row.cpu!.ours)} to ${digits(row.cpu!.theirs)} ms, ${digits(row.cpu!.faster.median)} x`;
  console.log(`${peer.label}: ${describe(row)}: ${outcome}`);
}

/**
 * Starts the processes of all sides for one contest, because some libraries fix the number of threads at the
 * start.
 */
async function contend(peer: PeerDefinition, command: readonly string[], contest: Contest, inputs: string) {
  const threads = String(contest.threads);
  const started: PeerProcess[] = [];
  async function start(program: readonly string[], variant: string, variables: WaitPolicy["variables"]) {
    const env = { ...environment, OMP_NUM_THREADS: threads, ...variables };
    started.push(await PeerProcess.start([...program, inputs, threads, variant], env));
  }
  try {
    await start(ours, contest.precision ?? "", {});
    const ways = waitPolicies(peer, contest).flatMap((policy) =>
      waysToCompute(peer, contest).map((way) => ({ way, policy })),
    );
    for (const { way, policy } of ways) await start(command, way ?? contest.variant ?? "", policy.variables);
    const [us, ...them] = started;
    const rows = await compete(us, them, contest, options);
    return {
      version: them[0].version,
      rows: rows.map((row, i) => ({ ...row, way: ways[i].way, waitPolicy: ways[i].policy.name })),
    };
  } finally {
    for (const process of started) await process.stop();
  }
}

/** The inputs of a network, written at its first contest. */
function modelInputs(folder: string, { model, batch }: Contest): string {
  const path = join(folder, `${model}_${batch}.safetensors`);
  if (!existsSync(path)) writeModelInputs(path, findModel(model), batch);
  return path;
}

async function measure(peer: PeerDefinition, part: string, inputs: string, folder: string): Promise<void> {
  const command = peer.command();
  if (!command) {
    console.log(`\n${peer.label}: ${peer.missing}`);
    return;
  }
  const rows: ContestRow[] = [];
  let version = "";
  for (const contest of peer.contests.filter((contest) => chosen(contest) && partOf(contest) === part)) {
    try {
      const own = contest.kind === "model" ? modelInputs(folder, contest) : inputs;
      const result = await contend(peer, command, contest, own);
      version = result.version;
      for (const row of result.rows) print(peer, row);
      rows.push(fastest(result.rows));
    } catch (error) {
      rows.push({ ...contest, failed: (error as Error).message });
      print(peer, rows.at(-1)!);
    }
  }
  if (rows.length === 0) return;
  const suite = `versus_${peer.name}${part === "autoencoder" ? "" : `_${part}`}`;
  writeResults(output, suite, { version, rounds: options.rounds, "ms per round": options.time }, rows);
  const timed = rows.filter((row) => row.faster);
  if (timed.length === 0) return;
  printTable(
    `${peer.label} ${version}`,
    ["", "ours ms", "theirs ms", "faster", "half of the rounds"],
    timed.map((row) => [
      describe(row),
      digits(row.ours!),
      digits(row.theirs!),
      `${digits(row.faster!.median)} x`,
      `${digits(row.faster!.low)} to ${digits(row.faster!.high)}`,
    ]),
  );
}

const folder = mkdtempSync(join(tmpdir(), "wasmgrad-versus-"));
try {
  const selected = peers.filter(({ name }) => options.peers?.includes(name) ?? true);
  if (selected.some(({ name }) => name !== "pytorch")) installPeers(fileURLToPath(new URL(".", import.meta.url)));
  const inputs = join(folder, "inputs.safetensors");
  writeInputs(inputs, Math.max(...selected.flatMap(({ contests }) => contests.map(({ batch }) => batch))));
  for (const part of options.only) {
    for (const peer of selected) await measure(peer, part, inputs, folder);
  }
} finally {
  rmSync(folder, { recursive: true });
}
