/**
 * The cost of threads: an empty fork and join, with the workers awake, and after a pause in which they fell
 * asleep; and the share of a training step that runs on one thread.
 * usage: npx tsx bench/fork_join.ts [--threads 2] [--batch 4]
 */

import { parseArgs } from "node:util";
import { getNumThreads, scope, setNumThreads } from "wasmgrad";
import type { Address } from "../src/runtime/address.ts";
import { allocateBlock, withFrame } from "../src/runtime/frame.ts";
import { launch } from "../src/runtime/kernels.ts";
import { settle } from "../src/runtime/parallel/pending.ts";
import { median } from "./lib/statistics.ts";
import { percent } from "./lib/table.ts";
import { trainStep } from "./train_step.ts";

const { values } = parseArgs({
  options: { threads: { type: "string", default: "2" }, batch: { type: "string", default: "4" } },
});
const threads = Number(values.threads);
const batch = Number(values.batch);

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

function time(body: () => void): number {
  const start = performance.now();
  body();
  return performance.now() - start;
}

/**
 * Microseconds per launch of `chunks` chunks of one element. A single chunk runs on the calling thread alone.
 */
function launches(address: Address, chunks: number, count: number): number {
  const run = () => {
    launch("fillFloat", chunks, 1, address, 0);
    settle();
  };
  return (
    (1000 *
      time(() => {
        for (let i = 0; i < count; i++) run();
      })) /
    count
  );
}

async function forkAndJoin(): Promise<void> {
  setNumThreads(threads);
  withFrame(() => {
    const { address } = allocateBlock(4 * threads);
    launches(address, threads, 1);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300); // the workers start during this time
    const samples = (chunks: number) => Array.from({ length: 50 }, () => launches(address, chunks, 1000));
    samples(threads);
    console.log(`launch on the caller alone         ${median(samples(1)).toFixed(2)} µs`);
    console.log(`fork and join, workers awake       ${median(samples(threads)).toFixed(2)} µs`);
    const asleep = Array.from({ length: 50 }, () => {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
      return launches(address, threads, 1);
    });
    console.log(`fork and join, after a 10 ms pause ${median(asleep).toFixed(1)} µs`);
  });
}

/**
 * Median milliseconds of a step on one thread and on `threads`, measured alternately, and the serial share by
 * Amdahl's law.
 */
async function serialShare(): Promise<void> {
  const step = trainStep(batch);
  const [one, all, ratios]: number[][] = [[], [], []];
  for (let round = 0; round < 11; round++) {
    const medians = [];
    for (const n of [1, threads]) {
      setNumThreads(n);
      scope(step);
      await pause(100);
      for (let i = 0; i < 5; i++) scope(step);
      medians.push(median(Array.from({ length: Math.ceil(160 / batch) }, () => time(() => scope(step)))));
    }
    one.push(medians[0]);
    all.push(medians[1]);
    ratios.push(medians[0] / medians[1]);
  }
  const speedUp = median(ratios);
  const serial = (threads / speedUp - 1) / (threads - 1);
  console.log(
    `training step, batch ${batch}: 1 thread ${median(one).toFixed(2)} ms, ${getNumThreads()} threads ${median(all).toFixed(2)} ms: ` +
      `${speedUp.toFixed(2)} x, as if ${percent(serial)} of it ran on one thread`,
  );
}

await forkAndJoin();
await serialShare();
