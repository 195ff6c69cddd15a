/** Measures wasmgrad against its peers. See bench/README.md. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { environment } from "../lib/child.ts";
import { resultsFolder, scratchFolder, writeResults } from "../lib/results.ts";
import { digits, printTable } from "../lib/table.ts";
import { type ContestRow, compete, fastest, waysOf } from "./contest.ts";
import { writeInputs } from "./inputs.ts";
import { installPeers } from "./install.ts";
import { PeerProcess } from "./peer_process.ts";
import { type Contest, ours, type PeerDefinition, peers, type WaitPolicy, waitPolicies } from "./peers.ts";

const list = (text: string) => text.split(",");
const numbers = (text: string) => list(text).map(Number);

/** The settings with which the results of the docs are measured. */
const preset = { rounds: 10, time: 1000 };

const program = new Command("npm run bench:versus --")
  .option("--peers <names>", `some of ${peers.map(({ name }) => name)}`, list)
  .option("--batch <sizes>", "only these batch sizes", numbers)
  .option("--threads <numbers>", "only these numbers of threads", numbers)
  .option("--rounds <count>", "rounds in which the sides alternate", Number, preset.rounds)
  .option("--time <milliseconds>", "that a side works in each round", Number, preset.time)
  .option("--quick", "five short rounds; the results go to build/bench")
  .parse();
const options = program.opts<{
  peers?: string[];
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

const chosen = (contest: Contest) =>
  (options.batch?.includes(contest.batch) ?? true) && (options.threads?.includes(contest.threads) ?? true);
const partial = options.batch !== undefined || options.threads !== undefined;
const forDocs = options.rounds === preset.rounds && options.time === preset.time && !partial;
const output = forDocs ? resultsFolder : scratchFolder;

function describe(row: ContestRow): string {
  const { kind, batch, threads } = row;
  return [kind, `batch ${batch}`, `${threads} thread${threads > 1 ? "s" : ""} each`, ...waysOf(row)].join(", ");
}

function print(peer: PeerDefinition, row: ContestRow): void {
  const { ours, theirs, faster, failed } = row;
  const outcome = failed ?? `${digits(ours!)} to ${digits(theirs!)} ms, ${digits(faster!.median)} x`;
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
    await start(ours, "", {});
    const policies = waitPolicies(peer, contest);
    for (const { variables } of policies) await start(command, contest.variant ?? "", variables);
    const [us, ...them] = started;
    const rows = await compete(us, them, contest, options);
    return { version: them[0].version, rows: rows.map((row, i) => ({ ...row, waitPolicy: policies[i].name })) };
  } finally {
    for (const process of started) await process.stop();
  }
}

async function measure(peer: PeerDefinition, inputs: string): Promise<void> {
  const command = peer.command();
  if (!command) {
    console.log(`\n${peer.label}: ${peer.missing}`);
    return;
  }
  const rows: ContestRow[] = [];
  let version = "";
  for (const contest of peer.contests.filter(chosen)) {
    try {
      const result = await contend(peer, command, contest, inputs);
      version = result.version;
      for (const row of result.rows) print(peer, row);
      rows.push(fastest(result.rows));
    } catch (error) {
      rows.push({ ...contest, failed: (error as Error).message });
      print(peer, rows.at(-1)!);
    }
  }
  if (rows.length === 0) return;
  writeResults(output, `versus_${peer.name}`, { version, rounds: options.rounds, "ms per round": options.time }, rows);
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
  for (const peer of selected) await measure(peer, inputs);
} finally {
  rmSync(folder, { recursive: true });
}
