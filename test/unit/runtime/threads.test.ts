/** Threads: the same bits for any number of threads, and no hang if workers die, fail or never start. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test, vi } from "vitest";
import { getNumThreads, manualSeed, nn, OptionError, randn, scope, setNumThreads, startThreads } from "wasmgrad";
import { runningThreads } from "../../../src/runtime/parallel/pool.ts";
import { startingThreads } from "../../../src/runtime/start_threads.ts";
import { IdleWorker } from "../../support/idle_worker.ts";

type WorkerThreads = typeof import("node:worker_threads");
const workerThreads = (process as unknown as { getBuiltinModule(id: string): WorkerThreads }).getBuiltinModule(
  "node:worker_threads",
);
const RealWorker = workerThreads.Worker;

afterEach(() => {
  workerThreads.Worker = RealWorker;
  setNumThreads(1);
});

/** Bytes of results and gradients of convolutions and products with many chunks. */
function compute(): string {
  return scope(() => {
    manualSeed(5);
    const x = randn([3, 33, 19, 18], { requiresGrad: true });
    const weight = randn([34, 33, 3, 3], { requiresGrad: true });
    const up = randn([34, 5, 2, 2], { requiresGrad: true });
    const y = nn.functional.convTranspose2d(nn.functional.conv2d(x, weight, null, { padding: 1 }).relu(), up, null, {
      stride: 2,
    });
    const z = y
      .matmul(randn([36, 200]))
      .square()
      .mean();
    z.backward();
    const parts = [y, z, x.grad, weight.grad, up.grad].map((t) => Buffer.from(t!.data().buffer));
    return Buffer.concat(parts).toString("base64");
  });
}

const expected = compute();

/** Waits until the workers have started, which they do while the event loop runs. */
async function pause(milliseconds: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
}

test.each([2, 3, 4])("%i threads give the same bits as one", async (threads) => {
  setNumThreads(threads);
  expect(getNumThreads()).toBe(threads);
  expect(compute()).toBe(expected);
  await pause(200);
  for (let round = 0; round < 5; round++) expect(compute()).toBe(expected);
});

test("workers take part in jobs", async () => {
  const { linearMemory } = await import("../../../src/runtime/linear_memory.ts");
  const { CONTROL } = await import("../../../src/runtime/parallel/control.ts");
  setNumThreads(2);
  compute();
  // once idle, the worker sleeps where the next job would wake it; on a busy machine it starts late
  const wake = () => Atomics.notify(new Int32Array(linearMemory.buffer), CONTROL.generation);
  await expect.poll(wake, { timeout: 20_000, interval: 100 }).toBe(1);
});

test("workers that never start only cost speed", () => {
  workerThreads.Worker = IdleWorker as never;
  setNumThreads(3);
  expect(compute()).toBe(expected);
});

test("a worker that cannot be made only costs speed", () => {
  workerThreads.Worker = class {
    constructor() {
      throw new Error("no threads here");
    }
  } as never;
  setNumThreads(3);
  expect(compute()).toBe(expected);
});

test("workers killed at any time give the correct result or a clear error, but no hang", async () => {
  const workers: InstanceType<typeof RealWorker>[] = [];
  workerThreads.Worker = class extends RealWorker {
    constructor(...args: ConstructorParameters<typeof RealWorker>) {
      super(...args);
      workers.push(this);
    }
  };
  for (let round = 0; round < 4; round++) {
    setNumThreads(3);
    compute();
    await pause(100 + 3 * round);
    const killed = workers.splice(0).map((worker) => worker.terminate());
    try {
      for (let i = 0; i < 5; i++) expect(compute()).toBe(expected);
    } catch (error) {
      expect(String(error)).toMatch(/a worker thread died or hung in the middle of its part/);
    }
    await Promise.all(killed);
    expect(compute()).toBe(expected);
  }
}, 60_000);

describe("setNumThreads refuses", () => {
  test.each([0, -1, 1.5, Number.NaN, 65, "2" as never])("%s", (n) => {
    expect(() => setNumThreads(n)).toThrow(OptionError);
  });
});

test("the process exits within a second of the program's end, awake workers or not", () => {
  const program = `
    import { randn, setNumThreads } from "wasmgrad";
    setNumThreads(3);
    const x = randn([300, 300]);
    const work = () => { for (let i = 0; i < 20; i++) x.matmul(x).release(); };
    work();
    setTimeout(() => {
      work();
      const end = performance.now();
      process.on("exit", () => console.log(x.shape.join("x"), performance.now() - end < 1000));
    }, 200);
  `;
  const root = fileURLToPath(new URL("../../..", import.meta.url));
  const run = spawnSync(process.execPath, ["--import", "tsx", "--input-type=module", "-e", program], {
    cwd: root,
    encoding: "utf8",
    timeout: 30_000,
  });
  expect(run.stderr).toBe("");
  expect(run.stdout.trim()).toBe("300x300 true");
  expect(run.status).toBe(0);
}, 40_000);

describe("startThreads", () => {
  test("starts the threads, which later operations use", async () => {
    setNumThreads(3);
    expect(await startThreads()).toBe(3);
    expect(await startThreads()).toBe(3);
    expect(compute()).toBe(expected);
    setNumThreads(1);
    expect(await startThreads()).toBe(1);
  });

  test("ends where no worker can be started", async () => {
    workerThreads.Worker = class {
      constructor() {
        throw new Error("no more threads");
      }
    } as never;
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    setNumThreads(2);
    expect(await startThreads()).toBe(1);
    expect(warn.mock.calls).toEqual([[expect.stringContaining("no more threads")]]);
    warn.mockRestore();
  });

  test("in an isolated page, functions that load data start them, and throw their own errors", async () => {
    vi.stubGlobal("crossOriginIsolated", true);
    try {
      setNumThreads(3);
      expect(await startingThreads(async () => 5)).toBe(5);
      expect(runningThreads()).toBe(3);
      await expect(startingThreads(() => Promise.reject(new RangeError("no file")))).rejects.toThrow("no file");
    } finally {
      vi.unstubAllGlobals();
    }
    setNumThreads(3);
    expect(await startingThreads(async () => 6)).toBe(6);
    expect(runningThreads()).toBe(1);
  });
});
