/**
 * How to size a job on several nodes. Usage: npm run scale:plan -- --model resnet18 --network 25 --nodes 64
 */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { Command, InvalidArgumentError, Option } from "commander";
import { manualSeed, nn, optim, rand, setNumThreads } from "wasmgrad";
import { sample } from "../lib/measure.ts";
import { readResults, resultsFolder } from "../lib/results.ts";
import { digits, percent, printTable } from "../lib/table.ts";
import type { ScaleRow } from "../suites/scale.ts";
import { communication, efficiency, imagesFor, inPairs, type Job, localStepsFor, type Network } from "./cost_model.ts";

/** Ethernet of so many Gbit/s, as TCP uses it: assumed, not measured. */
const NETWORKS: Record<string, Network> = {
  1: { latency: 40e-6, bandwidth: 0.11e9 },
  10: { latency: 25e-6, bandwidth: 1.1e9 },
  25: { latency: 20e-6, bandwidth: 2.7e9 },
  100: { latency: 15e-6, bandwidth: 6e9 },
};

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0 && Number.isFinite(value))) throw new InvalidArgumentError("Expected a number > 0.");
  return value;
}

function count(text: string): number {
  const value = positive(text);
  if (!Number.isInteger(value)) throw new InvalidArgumentError("Expected an integer > 0.");
  return value;
}

const counts = (text: string) => text.split(",").map(count);

function share(text: string): number {
  const value = positive(text);
  if (value >= 1) throw new InvalidArgumentError("Expected a number between 0 and 1.");
  return value;
}

/** `25`, or `20us,2.7GB/s`. */
function network(text: string): Network {
  if (text in NETWORKS) return NETWORKS[text];
  const [, latency, bandwidth] = /^([\d.]+)us,([\d.]+)GB\/s$/.exec(text) ?? [];
  if (!latency)
    throw new InvalidArgumentError(`Expected one of ${Object.keys(NETWORKS)}, or for example 20us,2.7GB/s.`);
  return { latency: positive(latency) * 1e-6, bandwidth: positive(bandwidth) * 1e9 };
}

const measured = readResults<ScaleRow>(resultsFolder, "scale");
if (!measured) throw new Error("there is no bench/results/scale.json: npm run bench -- --only scale");
const known = measured.rows.flatMap((row) => (row.kind === "model" ? [row] : []));
const rateOf = (name: string) =>
  measured.rows.flatMap((row) => (row.kind === "rate" && row.name === name ? [row.bytesPerSecond] : []))[0];

const program = new Command("npm run scale:plan --")
  .description(
    "Estimates how well a data-parallel training step uses several nodes. It is an extrapolation from one machine, not a measurement: see docs/distributed.md.",
  )
  .option(
    "--model <name or file>",
    `${known.map(({ name }) => name).join(", ")}; or a module whose default export is a class of nn.Module without arguments`,
  )
  .option("--input <sizes>", "of one image for a model in a file, for example 3,224,224", counts, [3, 32, 32])
  .option("--parameters <count>", "instead of a model: its number of parameters", count)
  .option(
    "--image-ms <time>",
    "instead of a measured time: milliseconds per image on one core, forward to optimizer",
    positive,
  )
  .addOption(
    new Option(
      "--network <speed>",
      `${Object.keys(NETWORKS).join(", ")} (Gbit/s), or latency and bandwidth: 20us,2.7GB/s`,
    )
      .argParser(network)
      .default(NETWORKS[10], "10"),
  )
  .option("--nodes <counts>", "numbers of nodes, separated by commas", counts, [2, 4, 8, 16, 32, 64])
  .option("--shards <count>", "shards of a global batch (default: as many as nodes)", count)
  .option("--cores <count>", "cores of a node", count, 32)
  .option("--use <share>", "share of the cores' time that the threads of a node use", share, 0.85)
  .option("--images <counts>", "images per node and step, separated by commas", counts, [32, 128])
  .option("--target <share>", "share of its time that a node should compute", share, 0.9)
  .parse();
const options = program.opts<{
  model?: string;
  input: number[];
  parameters?: number;
  imageMs?: number;
  network: Network;
  nodes: number[];
  shards?: number;
  cores: number;
  use: number;
  images: number[];
  target: number;
}>();

interface Work {
  label: string;
  parameters: number;
  /** Milliseconds per image on one core. */
  msPerImage: number;
  /** Where the two numbers are from. */
  source: string;
}

const TIMED_BATCH = 8;

/** Counts the parameters of a network in a file, and times a step with Adam here, on one thread. */
async function measureFile(path: string): Promise<Work> {
  const { default: Model } = (await import(pathToFileURL(resolve(path)).href)) as { default?: new () => nn.Module };
  if (typeof Model !== "function" || !(Model.prototype instanceof nn.Module)) {
    program.error(`error: --model: the default export of ${path} is not a class of nn.Module`);
  }
  manualSeed(0);
  setNumThreads(1);
  const model = new Model!();
  const optimizer = new optim.Adam(model.parameters());
  const images = rand([TIMED_BATCH, ...options.input]);
  const step = () => {
    optimizer.zeroGrad();
    (model.forward(images) as ReturnType<typeof rand>).square().mean().backward();
    optimizer.step();
  };
  sample(step, 1000);
  return {
    label: path,
    parameters: model.parameters().reduce((sum, weight) => sum + weight.numel(), 0),
    msPerImage: sample(step, 1000) / TIMED_BATCH,
    source: `timed here, batch ${TIMED_BATCH}, one thread`,
  };
}

async function readWork(): Promise<Work> {
  const { model, parameters, imageMs } = options;
  const found = known.find(({ name }) => name === model);
  let work: Work | undefined;
  if (found) {
    const { cpu, date } = measured!.machine;
    work = { ...found, source: `timed on ${cpu}, ${date}, batch ${found.batch}, one thread` };
  } else if (model !== undefined) {
    if (!existsSync(model))
      program.error(`error: --model: ${model} is neither a file nor one of ${known.map(({ name }) => name)}`);
    if (imageMs === undefined || parameters === undefined) work = await measureFile(model);
  }
  if (work && parameters === undefined && imageMs === undefined) return work;
  if (!work && (parameters === undefined || imageMs === undefined)) {
    program.error("error: give --model, or --parameters and --image-ms");
  }
  return {
    label: model ?? "given numbers",
    parameters: parameters ?? work!.parameters,
    msPerImage: imageMs ?? work!.msPerImage,
    source: "partly or wholly from the command line",
  };
}

const work = await readWork();
const { cores, use, nodes, images, target, shards } = options;
const jobs = nodes.map(
  (count): Job => ({
    parameters: work.parameters,
    secondsPerImage: work.msPerImage / 1000 / (cores * use),
    nodes: count,
    shards,
    network: options.network,
    rates: { adds: rateOf("adds"), copies: rateOf("copies") },
  }),
);

console.log(`Extrapolation from one machine: nothing of this was measured on several.

model    ${work.label}: ${work.parameters.toLocaleString("en")} parameters, ${digits(work.msPerImage)} ms per image and core
         (${work.source})
node     ${cores} cores, used to ${percent(use)} (assumed)
network  ${digits(options.network.latency * 1e6)} us, ${digits(options.network.bandwidth / 1e9)} GB/s (assumed), one sum of gradients per step`);

const viaAll = (job: Job) => job.nodes > 1 && !inPairs(job.nodes, job.shards ?? job.nodes);
printTable(
  `The last columns: what lets the nodes compute for ${percent(target)} of the time`,
  [
    "nodes",
    "images per node",
    "computing, ms",
    "sum, ms",
    "efficiency",
    "images per node",
    "global batch",
    "local steps",
  ],
  jobs.flatMap((job) =>
    images.map((batch) => [
      `${job.nodes}${viaAll(job) ? " *" : ""}`,
      String(batch),
      digits(1000 * batch * job.secondsPerImage),
      digits(1000 * communication(job)),
      percent(efficiency(job, batch)),
      String(imagesFor(job, target)),
      String(imagesFor(job, target) * job.nodes),
      String(localStepsFor(job, batch, target)),
    ]),
  ),
  0,
);
if (jobs.some(viaAll)) {
  console.log("\n* no power of two that divides the shards: each node sends a part to every other one");
}
