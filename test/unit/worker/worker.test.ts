/** Tasks of a worker (Node's worker_threads): progress, control, errors, the main thread's bits. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { build } from "esbuild";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { OptionError, ShapeError, setNumThreads, tensor, WasmgradError } from "wasmgrad";
import { readSafetensors } from "wasmgrad/io";
import { resumeTrainer } from "wasmgrad/train";
import { connect, expose, type TaskWorker, transfer } from "wasmgrad/worker";
import { makeTrainer, type Progress, type TestTasks, weightsOf } from "../../support/programs/worker_tasks.ts";

const folder = mkdtempSync(join(tmpdir(), "wasmgrad-worker-"));
const program = join(folder, "worker.mjs");
/** Bundles a program with the library's sources, in one file that Node runs. */
const BUNDLE = {
  bundle: true,
  format: "esm",
  platform: "node",
  target: "es2022",
  banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
  logLevel: "error",
} as const;
const STEPS = 12;
let whole: Uint8Array;
const open: TaskWorker<TestTasks>[] = [];

beforeAll(async () => {
  await build({
    ...BUNDLE,
    entryPoints: [new URL("../../support/programs/worker_tasks.ts", import.meta.url).pathname],
    outfile: program,
  });
  setNumThreads(1);
  const trainer = makeTrainer({ steps: STEPS });
  await trainer.fit();
  whole = weightsOf(trainer);
});
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => {
  for (const worker of open.splice(0)) worker.close();
});

function start(url: URL = pathToFileURL(program)): TaskWorker<TestTasks> {
  const worker = connect<TestTasks>(new Worker(url));
  open.push(worker);
  return worker;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe("a run of training", () => {
  test("has the bits of the main thread; progress has every step once, and pictures", async () => {
    const run = start().run("train", { steps: STEPS, everyMs: 0 });
    const all: Progress[] = [];
    for await (const progress of run) all.push(progress);
    const { bytes, place } = await run.result;
    expect(place).toEqual({ epoch: 1, step: STEPS });
    expect(Buffer.from(bytes).equals(Buffer.from(whole))).toBe(true);
    expect(all.flatMap(({ steps }) => steps)).toHaveLength(STEPS);
    expect(all.map(({ step }) => step).slice(0, 3)).toEqual([1, 2, 3]);
    expect(all[0].picture).toHaveLength(3 * 32 * 32);
    expect(all.at(-1)).toMatchObject({ epoch: 1, epochs: 1, step: STEPS, stepsPerEpoch: STEPS });
    expect(all.flatMap(({ entries }) => entries).map(({ kind }) => kind)).toEqual([
      ...new Array(STEPS).fill("step"),
      "epoch",
    ]);
    expect(run.latest).toEqual(all.at(-1));
  });

  test("paused and resumed, it goes on with the same bits", async () => {
    const run = start().run("train", { steps: STEPS, everyMs: 0 });
    const seen: number[] = [];
    for await (const { step } of run) {
      seen.push(step);
      if (step < 2 || run.paused) continue;
      run.pause();
      expect(run.paused).toBe(true);
      break;
    }
    await pause(100);
    const at = run.latest!.step;
    await pause(100);
    expect(run.latest!.step).toBe(at);
    expect(at).toBeLessThan(STEPS);
    run.resume();
    expect(run.paused).toBe(false);
    expect(Buffer.from((await run.result).bytes).equals(Buffer.from(whole))).toBe(true);
  });

  test("stopped, it returns its result; its saved state continues here and in another worker", async () => {
    const worker = start();
    const run = worker.run("train", { steps: STEPS, everyMs: 0 });
    let state: Uint8Array | undefined;
    for await (const { step } of run) {
      if (step < 2 || state) continue;
      run.pause();
      state = await run.save();
      run.stop();
    }
    expect((await run.result).place.step).toBeLessThan(STEPS);
    const resumed = start().run("train", { steps: STEPS }, { state });
    expect(Buffer.from((await resumed.result).bytes).equals(Buffer.from(whole))).toBe(true);
    const path = join(folder, "state.safetensors");
    writeFileSync(path, state!);
    const trainer = makeTrainer({ steps: STEPS });
    expect(resumeTrainer(path, trainer)).toBe(true);
    await trainer.fit();
    expect(Buffer.from(weightsOf(trainer)).equals(Buffer.from(whole))).toBe(true);
    const damaged = worker.run("train", { steps: STEPS }, { state: state!.slice(0, 1000) });
    await expect(damaged.result).rejects.toThrow(/^Task.fit: the state: cannot be loaded/);
  });

  test("a signal stops it, and its result is the signal's reason", async () => {
    const worker = start();
    const abort = new AbortController();
    const run = worker.run("train", { steps: STEPS, everyMs: 0 }, { signal: abort.signal });
    const steps: number[] = [];
    const loop = (async () => {
      for await (const { step } of run) {
        steps.push(step);
        abort.abort(new RangeError("enough"));
      }
    })();
    await expect(loop).rejects.toThrow("enough");
    await expect(run.result).rejects.toBeInstanceOf(RangeError);
    expect(steps.at(-1)).toBeLessThan(STEPS);
    const late = worker.run("echo", 1, { signal: AbortSignal.abort() });
    await expect(late.result).rejects.toMatchObject({ name: "AbortError" });
    expect(await worker.run("echo", 2).result).toBe(2);
  });

  test("other tasks run between its steps", async () => {
    const worker = start();
    const run = worker.run("train", { steps: 40, everyMs: 0 });
    const pixels = new Array<number>(3 * 32 * 32).fill(0.5);
    const means = new Set<number>();
    for await (const { step } of run) if (step % 10 === 5) means.add(await worker.run("predict", pixels).result);
    expect(means.size).toBeGreaterThan(1);
    expect((await run.result).place.step).toBe(40);
  });
});

describe("a loop of one's own", () => {
  test("sends progress, waits while paused, and stops", async () => {
    const run = start().run("count", 10_000);
    const seen: number[] = [];
    for await (const i of run) {
      seen.push(i);
      if (i === 3) run.pause();
      if (i === 3) setTimeout(() => run.resume(), 50);
      if (i > 60) break;
    }
    expect(seen).toEqual(seen.map((_, i) => i + 1));
    run.stop();
    expect(await run.result).toBe("counted");
    expect(run.latest).toBeLessThan(10_000);
    await expect(run.save()).rejects.toThrow("the run has ended");
  });

  test("keep: latest drops what a slow reader has not seen", async () => {
    const run = start().run("count", 40, { keep: "latest" });
    const seen: number[] = [];
    for await (const i of run) {
      seen.push(i);
      await pause(60);
    }
    expect(seen.at(-1)).toBe(40);
    expect(seen.length).toBeLessThan(20);
  });

  test("a state is refused where no Trainer runs, and passed on where it is given", async () => {
    const worker = start();
    const run = worker.run("count", 10_000);
    await expect(run.save()).rejects.toThrow(/has not called Task.fit/);
    run.stop();
    expect(await run.result).toBe("counted");
    expect(await worker.run("state", undefined, { state: new Uint8Array(7) }).result).toBe(7);
    expect(await worker.run("state").result).toBe(null);
  });
});

describe("errors", () => {
  test("arrive with their classes, messages and the worker's stack", async () => {
    const worker = start();
    const errorOf = (kind: Parameters<TestTasks["fail"]>[0]) =>
      worker.run("fail", kind).result.then(
        () => null,
        (error: Error) => error,
      );
    const shape = await errorOf("shape");
    expect(shape).toBeInstanceOf(ShapeError);
    expect(shape!.message).toBe("add: shapes [2] and [3] differ");
    expect(shape!.stack).toContain("worker.mjs");
    expect(await errorOf("range")).toBeInstanceOf(RangeError);
    expect(await errorOf("own")).toMatchObject({ name: "OwnError", message: "of my own" });
    expect(await errorOf("text")).toMatchObject({ message: "just a text" });
    expect(String(await errorOf("tensor"))).toMatch(/^OptionError: fail: the result expected plain data, got a tensor/);
    expect(String(await errorOf("function"))).toMatch(/^OptionError: fail: the result cannot be sent as a message/);
    const loop = async () => {
      for await (const _ of worker.run("fail", "shape"));
    };
    await expect(loop()).rejects.toBeInstanceOf(ShapeError);
  });

  test("of the call", async () => {
    const worker = start();
    await expect(worker.run("nothing" as never).result).rejects.toThrow(
      'run: the worker has no task "nothing" (known: train, predict, count',
    );
    await expect(worker.run("echo", tensor([1])).result).rejects.toThrow(/the input of echo expected plain data/);
    await expect(worker.run("echo", () => 1).result).rejects.toThrow(OptionError);
    expect(() => worker.run("echo", 1, { keep: "some" as never })).toThrow(OptionError);
    expect(() => worker.run("echo", 1, { state: "x" as never })).toThrow(OptionError);
    expect(() => worker.run("echo", 1, { sign: 1 } as never)).toThrow(/unknown option "sign"/);
    expect(() => connect({} as never)).toThrow(/connect: expected a worker/);
    expect(() => expose({ train: 1 } as never)).toThrow(/expose: train expected a function/);
    expect(() => transfer(1 as never, [])).toThrow(OptionError);
    expect(() => expose({})).toThrow(/expose: expected to be called in a worker/);
  });

  test("a worker that cannot start, or ends, fails its runs and later ones", async () => {
    const missing = start(pathToFileURL(join(folder, "missing.mjs")));
    await expect(missing.run("echo", 1).result).rejects.toThrow(/^the worker failed: .*missing.mjs/);
    await expect(missing.run("echo", 1).result).rejects.toThrow(WasmgradError);
    const worker = start();
    const counting = worker.run("count", 10_000);
    await expect(worker.run("crash").result).rejects.toThrow("the worker has ended (exit code 3)");
    await expect(counting.result).rejects.toThrow("exit code 3");
    const closed = start();
    const run = closed.run("count", 10_000);
    closed.close();
    await expect(run.result).rejects.toThrow("the worker was closed");
  });
});

test("what is transferred is given away, what is not is copied", async () => {
  const worker = start();
  const [given, copied] = [new Float32Array([1, 2]), new Float32Array([3, 4])];
  expect(await worker.run("echo", transfer({ given, copied }, [given.buffer])).result).toEqual({
    given: new Float32Array([1, 2]),
    copied: new Float32Array([3, 4]),
  });
  expect([given.length, copied.length]).toEqual([0, 2]);
  const { bytes } = await worker.run("train", { steps: 1 }).result;
  expect(Object.keys(readSafetensors(bytes).tensors)).toContain("0.weight");
});

test("the guide's two files run, as they are", async () => {
  const guide = readFileSync(new URL("../../../docs/worker.md", import.meta.url), "utf8");
  const files = [...guide.matchAll(/<!-- run: (\S+) -->\n\n```js\n(.*?)```/gs)];
  expect(files.map(([, name]) => name)).toEqual(["train.js", "page.js"]);
  const guideFolder = mkdtempSync(join(folder, "guide-"));
  for (const [, name, text] of files) {
    await build({ ...BUNDLE, stdin: { contents: text, resolveDir: "." }, outfile: join(guideFolder, name) });
  }
  writeFileSync(join(guideFolder, "package.json"), '{ "type": "module" }');
  const main = join(guideFolder, "main.js");
  writeFileSync(
    main,
    'import { Worker } from "node:worker_threads";\nglobalThis.Worker = Worker;\nawait import("./page.js");',
  );
  const printed = execFileSync(process.execPath, [main], { encoding: "utf8" }).trim().split("\n");
  const losses = printed.slice(0, -1).map((line) => Number(line.split(" ")[1]));
  expect(losses.length).toBeGreaterThan(0);
  expect(losses.at(-1)).toBeLessThan(0.01);
  expect(Number(printed.at(-1))).toBeGreaterThan(4 * (2 * 32 + 32 + 32 + 1));
});
