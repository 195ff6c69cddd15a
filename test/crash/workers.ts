import { createRequire } from "node:module";
import type { Worker } from "node:worker_threads";
import { manualSeed, nn, optim, rand, setNumThreads, WasmgradError } from "wasmgrad";
import { Random } from "../fuzz/random.ts";
import type { Report } from "./runs.ts";

const threads = createRequire(import.meta.url)("node:worker_threads") as typeof import("node:worker_threads");

/** Weights after some steps, and what `before` does to the workers ahead of each. */
function train(steps: number, before: (step: number) => void): Buffer {
  manualSeed(3);
  const model = new nn.Sequential(
    new nn.Conv2d(3, 32, { kernelSize: 3, padding: 1 }),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
  );
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });
  const x = rand([8, 3, 32, 32]);
  for (let step = 0; step < steps; step++) {
    before(step);
    optimizer.zeroGrad();
    model.forward(x).square().mean().backward();
    optimizer.step();
  }
  return Buffer.concat(model.parameters().map((parameter) => Buffer.from(parameter.data().buffer)));
}

/**
 * Workers that are ended at random moments of training, or never start: the bits of one thread, or an error that says that a worker
 * died where a kernel cannot be run again.
 */
export async function workers(count: number, seed: number): Promise<Report> {
  const report: Report = {
    counts: { "workers killed": 0, "workers that never start": 0, "clear errors": 0 },
    failures: [],
  };
  setNumThreads(1);
  const expected = train(30, () => {});
  const RealWorker = threads.Worker;
  for (let i = 0; i < count; i++) {
    const random = new Random(seed, i, "worker");
    const made: Worker[] = [];
    const idle = random.chance(0.2);
    class Watched extends RealWorker {
      constructor(...args: ConstructorParameters<typeof Worker>) {
        if (idle) args[0] = "setInterval(() => {}, 1e6)";
        super(...args);
        made.push(this);
      }
    }
    threads.Worker = Watched;
    try {
      setNumThreads(random.integer(2, 3));
      train(1, () => {});
      await new Promise((resolve) => setTimeout(resolve, random.integer(0, 150)));
      const weights = train(30, () => {
        if (idle || !random.chance(0.3) || made.length === 0) return;
        void made.splice(random.integer(0, made.length - 1), 1)[0].terminate();
        report.counts["workers killed"]++;
      });
      if (idle) report.counts["workers that never start"]++;
      if (!weights.equals(expected)) report.failures.push(`workers, seed ${seed}, case ${i}: other weights`);
    } catch (error) {
      if (error instanceof WasmgradError && /worker thread/.test(error.message)) report.counts["clear errors"]++;
      else report.failures.push(`workers, seed ${seed}, case ${i}: ${(error as Error).stack}`);
    } finally {
      setNumThreads(1);
      threads.Worker = RealWorker;
      for (const worker of made) await worker.terminate();
    }
  }
  return report;
}
