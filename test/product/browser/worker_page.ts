/** Posts how training does in a page and in a worker: digests of weights, what ran meanwhile, errors. */
import { memory, rand, ShapeError, setNumThreads, startThreads, type Tensor } from "wasmgrad";
import { nextTurn, Trainer, type TrainingProgress } from "wasmgrad/train";
import { connect } from "wasmgrad/worker";
import { digestOf } from "../../support/programs/digest.ts";
import { makeTrainer, type TestTasks, weightsOf } from "../../support/programs/worker_tasks.ts";

const STEPS = 30;
const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Trains in the page, on as many threads as there are, with an asynchronous loss or a usual one. */
async function trainHere(isAsync: boolean) {
  const trainer = makeTrainer({ steps: STEPS, batchSize: 16 });
  const { loss } = trainer.options;
  const own = new Trainer({
    ...trainer.options,
    ...(isAsync && {
      loss: async (batch: unknown, place: TrainingProgress) => {
        await nextTurn();
        return loss(batch, place);
      },
    }),
  });
  let [messages, frames, isRunning] = [0, 0, true];
  const others: Tensor[] = [];
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    messages++;
    others.push(rand([2]));
    if (isRunning) port2.postMessage(null);
  };
  port2.postMessage(null);
  const frame = () => {
    frames++;
    if (isRunning) requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  const before = memory().liveTensors;
  await own.fit();
  isRunning = false;
  const left = memory().liveTensors - before - others.length;
  const areKept = others.every((tensor) => !tensor.released);
  return { digest: await digestOf(weightsOf(own)), messages, frames, left, areKept };
}

async function trainInWorker() {
  const worker = connect<TestTasks>(new Worker(new URL("./worker.js", import.meta.url), { type: "module" }));
  const run = worker.run("train", { steps: STEPS, batchSize: 16, everyMs: 0, threads: 2 });
  let [steps, pictures, means, state] = [0, 0, 0, undefined as Uint8Array | undefined];
  for await (const progress of run) {
    steps += progress.steps.length;
    if (progress.picture.length === 3 * 32 * 32) pictures++;
    if (progress.step === 5) {
      run.pause();
      state = await run.save();
      means = await worker.run("predict", new Array<number>(3 * 32 * 32).fill(0.5)).result;
      await pause(50);
      run.resume();
    }
  }
  const { bytes, place } = await run.result;
  const resumed = await worker.run("train", { steps: STEPS, batchSize: 16 }, { state }).result;
  const error = await worker.run("fail", "shape").result.catch((thrown: unknown) => thrown);
  const stopped = worker.run("train", { steps: 1000 });
  for await (const { step } of stopped) if (step > 2) stopped.stop();
  const stoppedAt = (await stopped.result).place.step;
  const abort = new AbortController();
  const aborted = worker.run("count", 100_000, { signal: abort.signal });
  setTimeout(() => abort.abort(), 20);
  const reason = await aborted.result.catch((thrown: Error) => thrown.name);
  worker.close();
  return {
    digest: await digestOf(bytes),
    resumed: await digestOf(resumed.bytes),
    ...{
      place,
      steps,
      arePictured: pictures > steps,
      isMean: means > 0 && means < 1,
      stoppedEarly: stoppedAt < 1000,
      reason,
    },
    isShapeError: error instanceof ShapeError,
    message: (error as Error).message,
  };
}

async function missingWorker() {
  const worker = connect<TestTasks>(new Worker(new URL("./missing.js", import.meta.url), { type: "module" }));
  return String(await worker.run("echo", 1).result.catch((thrown: unknown) => thrown));
}

const answer: Record<string, unknown> = { isIsolated: crossOriginIsolated };
try {
  setNumThreads(2);
  answer.threads = await startThreads();
  answer.here = await trainHere(false);
  answer.asynchronous = await trainHere(true);
  answer.worker = await trainInWorker();
  answer.missing = await missingWorker();
} catch (error) {
  answer.error = `${error} ${(error as Error)?.stack}`;
}
await fetch("/answer", { method: "POST", body: JSON.stringify(answer) });
