/**
 * Ten thousand training steps of the inpainting autoencoder. Memory must be flat after the first hundred
 * steps, and the process must end within a second after the program.
 * usage: tsx scripts/long_run.ts [--steps 10000] [--threads N]
 */
import { parseArgs } from "node:util";
import { memory, scope, setNumThreads } from "wasmgrad";
import { trainStep } from "../bench/train_step.ts";

const { values } = parseArgs({ options: { steps: { type: "string", default: "10000" }, threads: { type: "string" } } });
const steps = Number(values.steps);
if (values.threads) setNumThreads(Number(values.threads));

const MEBI = 2 ** 20;

function report(step: number): { live: number; reserved: number } {
  const { liveTensors, liveBytes, reservedBytes } = memory();
  const { heapUsed, rss } = process.memoryUsage();
  const mebi = (bytes: number) => (bytes / MEBI).toFixed(1);
  console.log(
    `step ${step}: ${liveTensors} tensors, ${mebi(liveBytes)} MiB live, ${mebi(reservedBytes)} MiB reserved, ` +
      `JavaScript ${mebi(heapUsed)} MiB, process ${mebi(rss)} MiB`,
  );
  return { live: liveBytes, reserved: reservedBytes };
}

const step = trainStep(4);
let first: ReturnType<typeof report> | undefined;
const start = performance.now();
for (let i = 1; i <= steps; i++) {
  scope(step);
  if (i === 100) first = report(i);
  if (i % Math.ceil(steps / 10) !== 0) continue;
  const now = report(i);
  if (first && (now.live !== first.live || now.reserved !== first.reserved)) throw new Error("memory grew");
}
console.log(`${((performance.now() - start) / steps).toFixed(2)} ms a step`);

const end = performance.now();
process.on("exit", () => {
  const milliseconds = performance.now() - end;
  console.log(`the process ends ${milliseconds.toFixed(0)} ms after the program`);
  if (milliseconds > 1000) process.exitCode = 1;
});
