/**
 * Workers of a DataLoader. Node 20 reads no TypeScript in workers, so the library, the program of the workers
 * and the modules with the data sets are bundled as JavaScript, in folders as in the package.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type * as core from "wasmgrad";
import type * as data from "wasmgrad/data";
import type * as distributed from "wasmgrad/distributed";
import type * as train from "wasmgrad/train";
import type * as vision from "wasmgrad/vision";
import { root } from "../../support/source.ts";

type Library = typeof core &
  typeof data &
  typeof vision &
  Pick<typeof train, "Trainer"> &
  Pick<typeof distributed, "Sharded">;
// biome-ignore lint/suspicious/noExplicitAny: batches of many kinds
type Loader = data.DataLoader<any, any>;
let library: Library;

mkdirSync(join(root, "build"), { recursive: true });
const folder = mkdtempSync(join(root, "build/workers-"));
const moduleUrl = (name: string) => pathToFileURL(join(folder, "sets", `${name}.js`));
/** The data set that a module of test/support/worker_sets exports. */
// biome-ignore lint/suspicious/noExplicitAny: data sets of many kinds
const setOf = async (name: string): Promise<any> => {
  const { default: exported } = await import(moduleUrl(name).href);
  return typeof exported === "function" ? exported() : exported;
};

beforeAll(async () => {
  const sets = readdirSync(join(root, "test/support/worker_sets")).map((file) => file.replace(".ts", ""));
  const path = (...parts: string[]) => join(root, ...parts);
  const entry = join(folder, "library.ts");
  writeFileSync(
    entry,
    'export * from "wasmgrad"; export * from "wasmgrad/data"; export * from "wasmgrad/vision";\n' +
      'export { Trainer } from "wasmgrad/train"; export { Sharded } from "wasmgrad/distributed";',
  );
  await build({
    entryPoints: Object.fromEntries([
      ["main/library", entry],
      ["data/worker", path("src/data/worker.ts")],
      ...sets.map((name) => [`sets/${name}`, path("test/support/worker_sets", `${name}.ts`)]),
    ]),
    outdir: folder,
    chunkNames: "shared/[name]-[hash]",
    bundle: true,
    splitting: true,
    format: "esm",
    target: "node20",
    platform: "node",
    packages: "external",
    logLevel: "error",
    alias: Object.fromEntries(
      ["data", "vision", "train", "distributed"]
        .map((name) => [`wasmgrad/${name}`, path(`src/${name}/index.ts`)])
        .concat([["wasmgrad", path("src/index.ts")]]),
    ),
  });
  library = (await import(pathToFileURL(join(folder, "main/library.js")).href)) as Library;
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function loaderOf(name: string, options: object): Promise<Loader> {
  const set = await setOf(name);
  return new library.DataLoader(set, { workerModule: moduleUrl(name), ...options });
}

async function collect(loader: Loader): Promise<unknown[]> {
  const seen: unknown[] = [];
  for await (const batch of loader) seen.push(batch.map((part: core.Tensor) => part.toArray()));
  return seen;
}

/** The loaders' workers that were started here and have not ended. */
const running = new Set<object>();
const threads = process.getBuiltinModule("node:worker_threads");
const { Worker: NodeWorker } = threads;
threads.Worker = class extends NodeWorker {
  constructor(...args: ConstructorParameters<typeof NodeWorker>) {
    super(...args);
    if (!String(args[0]).endsWith("/data/worker.js")) return; // a thread of the kernels
    running.add(this);
    this.on("exit", () => running.delete(this));
  }
};
afterAll(() => {
  threads.Worker = NodeWorker;
});

describe("the same batches with any number of workers", () => {
  test.each(["random", "random_batches"])("%s", async (name) => {
    const options = { batchSize: 4, shuffle: true, seed: 5 };
    const reference = await loaderOf(name, options);
    const epochs = [await collect(reference), await collect(reference)];
    expect(epochs[0]).not.toEqual(epochs[1]);
    expect(epochs[0]).toHaveLength(name === "random" ? 6 : 3);
    for (const [numWorkers, prefetchFactor] of [
      [1, 1],
      [2, 2],
      [3, 5],
    ]) {
      const loader = await loaderOf(name, { ...options, numWorkers, prefetchFactor });
      expect([await collect(loader), await collect(loader)]).toEqual(epochs);
    }
    const other = await loaderOf(name, { ...options, seed: 6, numWorkers: 2 });
    expect(await collect(other)).not.toEqual(epochs[0]);
  });

  test("without `shuffle`, random numbers differ by sample and epoch, and are seeded", async () => {
    const loader = await loaderOf("random", { batchSize: 23, numWorkers: 1 });
    const [[first]] = (await collect(loader)) as number[][][][];
    const [[second]] = (await collect(loader)) as number[][][][];
    const drawn = [...first, ...second].flatMap(([, ...numbers]) => numbers);
    expect(new Set(drawn).size).toBe(drawn.length);
    const [[alone]] = (await collect(await loaderOf("random", { batchSize: 1 }))) as number[][][][];
    expect(alone[0]).toEqual(first[0]); // whatever the batch
  });

  test("a loader that continues in the middle of an epoch", async () => {
    const options = { batchSize: 3, shuffle: true, seed: 1, numWorkers: 2 };
    const whole = await collect(await loaderOf("random", options));
    const interrupted = await loaderOf("random", options);
    for await (const _ of interrupted) if (interrupted.stateDict().position === 3) break;
    const resumed = await loaderOf("random", options);
    resumed.loadStateDict({ seed: 1, epoch: 0, position: 3 });
    expect(await collect(resumed)).toEqual(whole.slice(3));
  });

  test("`collate` runs in the loop's thread, on the workers' samples", async () => {
    const here = process.pid;
    const collate = (samples: [core.Tensor, number][]) => [here, samples.map(([x, i]) => x.data()[0] - i)];
    const loader = await loaderOf("random", { batchSize: 10, numWorkers: 2, collate });
    const seen: unknown[] = [];
    for await (const batch of loader) seen.push(batch);
    expect(seen).toEqual([10, 10, 3].map((count) => [here, new Array(count).fill(0)]));
  });

  test("shards of each batch, with and without `collate`", async () => {
    const shardsOf = async (name: string, options: object) => {
      const set = new library.Sharded(await setOf(name), { shards: 3 });
      const own = { batchSize: 5, shuffle: true, seed: 4, workerModule: moduleUrl(name), ...options };
      const seen: unknown[] = [];
      for await (const { size, parts } of new library.DataLoader(set, own as object)) {
        seen.push([size, parts.map((part) => JSON.stringify(part, (_, x) => x?.toArray?.() ?? x))]);
      }
      return seen;
    };
    const collate = (samples: [core.Tensor, number][]) => samples.map(([x, i]) => [...x.data(), i]);
    for (const [name, options] of [
      ["random", {}],
      ["random_batches", {}],
      ["random", { collate }],
    ] as const) {
      const alone = await shardsOf(name, options);
      expect(alone.length).toBeGreaterThan(1);
      expect(await shardsOf(name, { ...options, numWorkers: 2 })).toEqual(alone);
    }
  });

  test("values of every kind arrive", async () => {
    const loader = await loaderOf("odd_values", { numWorkers: 1, collate: (samples: object[]) => samples[0] });
    const seen: unknown[] = [];
    for await (const value of loader) {
      const { image, mask, count, empty, box, ...rest } = value;
      expect([image.dtype, mask.dtype, count.dtype]).toEqual(["float32", "bool", "int32"]);
      expect([count.item(), empty.shape, mask.toArray()]).toEqual([2 ** 31 - 1, [0, 3], [1, 0]]);
      expect([image.toArray(), box[0], box[1], box[2].corner.item()]).toEqual([[[seen.length, 1]], 1, 2.5, 7]);
      seen.push(rest);
    }
    expect(seen).toEqual([0, 1].map((i) => ({ name: `sample ${i}`, bytes: new Uint8Array([1, 2]) })));
  });
});

describe("errors", () => {
  const failing = async (batches: number[], message: string, kind: string) => {
    const loader = await loaderOf("failing", { batchSize: 10, numWorkers: 2 });
    loader.loadStateDict({ seed: 0, epoch: 0, position: batches[0] });
    const error = await collect(loader).catch((caught: unknown) => caught as Error);
    expect(error).toBeInstanceOf((library as unknown as Record<string, new () => Error>)[kind]);
    expect((error as Error).message).toContain(message);
    return error as Error;
  };

  test("an error of a sample names the sample and the file, and keeps its class", async () => {
    const message = "photos/9.jpg: not a complete JPEG file (sample 9, in a worker of the DataLoader)";
    const error = await failing([0], message, "DataError");
    expect(error.cause).toContain("failing.js");
  });

  test("another error", () =>
    failing([1], "TypeError: Cannot read properties of undefined (reading 'field') (sample 19, in a", "WasmgradError"));

  test("a worker that ends", () => failing([2], "DataLoader: a worker ended: exit code 7", "WasmgradError"));

  test("a value that cannot be sent", () => failing([3], "in a worker of the DataLoader", "DTypeError"));

  test("batches before the failing one arrive", async () => {
    const loader = await loaderOf("failing", { batchSize: 3, numWorkers: 3, prefetchFactor: 4 });
    const seen: number[] = [];
    const run = async () => {
      for await (const [, labels] of loader) seen.push(...labels.data());
    };
    await expect(run()).rejects.toThrow("photos/9.jpg");
    expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect(running.size).toBe(0);
  });

  test("a module that is missing, exports nothing or another set", async () => {
    const set = { length: 3, get: (i: number) => [i] };
    const loop = (name: string) =>
      collect(new library.DataLoader(set, { numWorkers: 1, workerModule: moduleUrl(name) }) as Loader);
    await expect(loop("none")).rejects.toThrow(/Cannot find module.*none\.js/);
    await expect(loop("no_default")).rejects.toThrow("expected a data set as default export, found none");
    await expect(loop("random")).rejects.toThrow("expected the length of the loader's, 3, got 23");
  });

  test("a thread that cannot be started", async () => {
    const { Worker: Working } = threads;
    let starts = 0;
    threads.Worker = class extends Working {
      constructor(...args: ConstructorParameters<typeof NodeWorker>) {
        if (++starts === 2) throw new Error("no permission");
        super(...args);
      }
    };
    const loader = await loaderOf("random", { numWorkers: 3 });
    await expect(collect(loader)).rejects.toThrow("DataLoader: no worker thread could be started (no permission)");
    threads.Worker = Working;
    expect(starts).toBe(2);
  });

  test("a bundled program, which has no file for the workers", async () => {
    const { Worker: Working } = threads;
    threads.Worker = class extends Working {
      constructor(_: unknown, options: object) {
        super(new URL("./none.js", moduleUrl("random")), options);
      }
    };
    const loader = await loaderOf("random", { numWorkers: 1 });
    await expect(collect(loader)).rejects.toThrow(/Cannot find module .*none.js'; if this program is bundled, leave/);
    threads.Worker = Working;
  });

  test("options, and a loop that does not wait", async () => {
    const { DataLoader, OptionError } = library;
    const set = { length: 3, get: (i: number) => [i] };
    const make = (options: object) => () => new DataLoader(set, options);
    expect(make({ numWorkers: 2 })).toThrow("numWorkers 2 expected a workerModule as well, such as new URL(");
    expect(make({ numWorkers: -1 })).toThrow(OptionError);
    expect(make({ prefetchFactor: 0 })).toThrow(OptionError);
    expect(make({ workerModule: "./photos.js" })).toThrow('expected a URL, such as new URL("./photos.js"');
    const loader = await loaderOf("random", { numWorkers: 2 });
    expect(() => [...loader]).toThrow("numWorkers 2 must wait; write for await (const batch of loader)");
  });
});

describe("ends", () => {
  test("workers end with the loop, after break and after an error in the body", async () => {
    const loader = await loaderOf("random", { batchSize: 2, numWorkers: 2 });
    for await (const _ of loader) {
      expect(running.size).toBe(2);
      break;
    }
    expect(running.size).toBe(0);
    const run = async () => {
      for await (const _ of loader) throw new Error("enough");
    };
    await expect(run()).rejects.toThrow("enough");
    expect(running.size).toBe(0);
    await collect(loader);
    expect(running.size).toBe(0);
  });

  test("a loop that is ended while it waits", async () => {
    const iterator = (await loaderOf("random", { numWorkers: 1 }))[Symbol.asyncIterator]();
    const first = iterator.next().catch((error: unknown) => error);
    await iterator.return!();
    expect(running.size).toBe(0);
    expect(String(await first)).toContain("the loop was ended while it waited for a batch");
  });

  test("the process ends by itself, also if a loop was left without its end", () => {
    const program = `
      import { DataLoader } from ${JSON.stringify(pathToFileURL(join(folder, "main/library.js")))};
      import set from ${JSON.stringify(moduleUrl("random"))};
      const loader = new DataLoader(set, { batchSize: 2, numWorkers: 2, workerModule: ${JSON.stringify(moduleUrl("random"))} });
      let batches = 0;
      for await (const _ of loader) batches++;
      const left = loader[Symbol.asyncIterator]();
      await left.next();
      console.log(batches);
    `;
    const path = join(folder, "main/program.mjs");
    writeFileSync(path, program);
    const run = spawnSync(process.execPath, [path], { encoding: "utf8", timeout: 50_000 });
    expect([run.stdout, run.stderr, run.status]).toEqual(["12\n", "", 0]);
  });

  test("tensors are released with each iteration", async () => {
    const loader = await loaderOf("random", { batchSize: 2, numWorkers: 2 });
    const before = library.memory().liveTensors;
    const batches: core.Tensor[] = [];
    for await (const [x] of loader) {
      if (batches.length > 0) expect(batches.at(-1)!.released).toBe(true);
      batches.push(x);
      if (batches.length > 1) x.add(1); // of the second iteration on: see docs/memory.md
    }
    expect(library.memory().liveTensors).toBeLessThanOrEqual(before);
    expect(loader.waitedMs).toBeGreaterThan(0);
  });
});

describe("training from a folder of images", () => {
  test("the Trainer gives the same bits with 0, 1 and 2 workers", async () => {
    const { images } = JSON.parse(readFileSync(join(root, "test/fixtures/breadth/images.json"), "utf8"));
    const photos = mkdtempSync(join(tmpdir(), "wasmgrad-photos-"));
    for (const [i, name] of ["rgb.jpg", "rgb.png", "lossy.webp", "progressive.jpg", "palette8.png"].entries()) {
      mkdirSync(join(photos, `class ${i % 2}`), { recursive: true });
      for (const copy of [1, 2, 3]) {
        writeFileSync(join(photos, `class ${i % 2}`, `${copy}-${name}`), Buffer.from(images[name].file, "base64"));
      }
    }
    process.env.WASMGRAD_TEST_FOLDER = photos;
    const { nn, optim, manualSeed, Trainer } = library;
    const results: unknown[] = [];
    for (const numWorkers of [0, 1, 2]) {
      manualSeed(3);
      const model = new nn.Sequential(new nn.Flatten(), new nn.Linear(192, 2));
      const loader = await loaderOf("folder", { batchSize: 4, shuffle: true, numWorkers });
      const trainer = new Trainer({
        model,
        loader,
        optimizer: new optim.Adam(model.parameters(), { lr: 0.01 }),
        loss: ([x, y]: core.Tensor[]) => nn.functional.crossEntropy(model.forward(x), y),
        epochs: 2,
      });
      await trainer.fit();
      expect(trainer.place.step).toBe(8);
      expect(running.size).toBe(0);
      results.push([...model.parameters()].map((p) => p.toArray()));
    }
    rmSync(photos, { recursive: true });
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
  });
});
