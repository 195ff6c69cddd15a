/** The folder of a run: recorded, stopped by a signal, continued. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { DataError, manualSeed, nn, OptionError, optim, rand } from "wasmgrad";
import { DataLoader, TensorDataset } from "wasmgrad/data";
import { initProcessGroup, type ProcessGroup } from "wasmgrad/distributed";
import { listStored } from "wasmgrad/io";
import { Interrupted, Run, resumeTrainer, saveTrainer, Trainer } from "wasmgrad/train";
import { Picture } from "wasmgrad/vision";
import { type MemoryFile, type MemoryFolder, memoryNavigator } from "../../support/memory_storage.ts";

const root = mkdtempSync(join(tmpdir(), "wasmgrad-run-"));
afterAll(() => rmSync(root, { recursive: true }));
let lines: string[];
beforeEach(() => {
  lines = [];
  vi.spyOn(console, "log").mockImplementation((line) => void lines.push(String(line)));
});
afterEach(() => void vi.restoreAllMocks());

const x = rand([40, 3]);
const set = new TensorDataset(x, x.sum(1, { keepdim: true }));

function makeTrainer(epochs = 3) {
  manualSeed(5);
  const model = new nn.Linear(3, 1);
  return new Trainer({
    model,
    loader: new DataLoader(set, { batchSize: 4, shuffle: true }),
    optimizer: new optim.Adam(model.parameters(), { lr: 0.01 }),
    loss: ([inputs, targets]) => nn.functional.mseLoss(model.forward(inputs), targets),
    epochs,
    logEvery: 5,
  });
}

const weights = (trainer: Trainer) => Object.values(trainer.options.model.stateDict()).map((t) => [...t.data()]);
const timeless = (text: string) => text.replace(/"seconds":[^,}]*/g, "");

test("a signal stops a run after the current step; the same program ends with the same bits", async () => {
  const whole = makeTrainer();
  await new Run(join(root, "whole"), "x", {}).train("fit", whole);

  const folder = join(root, "stopped");
  const stopped = makeTrainer();
  stopped.watch({ onEntry: ({ place }) => void (place.step === 15 && process.emit("SIGINT", "SIGINT")) });
  const interrupted = await new Run(folder, "x", {}).train("fit", stopped).catch((error) => error);
  expect(interrupted).toBeInstanceOf(Interrupted);
  expect([interrupted.signal, interrupted.exitCode]).toEqual(["SIGINT", 130]);
  expect(new Interrupted("SIGTERM", folder).exitCode).toBe(143);
  expect(stopped.place.step).toBe(15);
  expect(process.listenerCount("SIGINT")).toBe(0);

  const resumed = makeTrainer();
  await new Run(folder, "x", {}).train("fit", resumed);
  expect(weights(resumed)).toEqual(weights(whole));
  const log = (name: string) => timeless(readFileSync(join(root, name, "fit.jsonl"), "utf8"));
  expect(log("stopped")).toBe(log("whole"));

  const loaded = makeTrainer();
  await new Run(folder, "x", {}).train("fit", loaded);
  expect(weights(loaded)).toEqual(weights(whole));
  expect(readdirSync(folder).sort()).toEqual([
    "config.json",
    "fit-loss.png",
    "fit-lr.png",
    "fit.jsonl",
    "fit.safetensors",
  ]);
});

test("results are merged, and pictures have the given names", () => {
  const run = new Run(join(root, "results"), "x", { a: 1 });
  run.results({ one: 1 });
  run.results({ two: 2 });
  run.picture("black", new Picture(2, 2));
  expect(JSON.parse(readFileSync(run.file("results.json"), "utf8"))).toEqual({ one: 1, two: 2 });
  expect(readFileSync(run.file("black.png")).subarray(1, 4).toString()).toBe("PNG");
});

test("another configuration or experiment, and a folder that cannot be, are refused", () => {
  new Run(join(root, "config"), "x", { a: 1 });
  expect(() => new Run(join(root, "config"), "x", { a: 1 })).not.toThrow();
  expect(() => new Run(join(root, "config"), "x", { a: 2 })).toThrow(OptionError);
  expect(() => new Run(join(root, "config"), "y", { a: 1 })).toThrow(OptionError);
  writeFileSync(join(root, "file"), "");
  expect(() => new Run(join(root, "file"), "x", {})).toThrow(DataError);
});

test("the log begins with the configuration; without options a line of all numbers is printed", async () => {
  const folder = join(root, "log");
  const trainer = makeTrainer(1);
  await new Run(folder, "x", { seed: 5, rate: Infinity }).train("fit", trainer);
  const [config, ...entries] = readFileSync(join(folder, "fit.jsonl"), "utf8").trimEnd().split("\n");
  expect(config).toBe('{"kind":"config","seed":5,"rate":"Infinity"}');
  expect(entries).toEqual(trainer.log.map((entry) => JSON.stringify(entry)));
  expect(lines).toEqual([expect.stringMatching(/^fit: epoch 1, lr 0\.01, seconds \S+, loss \S+$/)]);
  expect(Run.readConfig(folder)).toEqual({ seed: 5, rate: Infinity });
});

test("a log of another name, another line after an epoch, and pictures instead of the curves", async () => {
  const folder = join(root, "options");
  const trainer = makeTrainer(2);
  let drawn = 0;
  await new Run(folder, "x", {}).train("fit", trainer, {
    log: "log.jsonl",
    describe: ({ epoch, loss }, { options }) => `${epoch} of ${options.epochs}: ${loss > 0}`,
    pictures: ({ place }) => {
      drawn++;
      expect(place.epoch).toBe(drawn);
      expect(existsSync(join(folder, "fit.safetensors")), "written before the checkpoint").toBe(drawn > 1);
      return { one: new Picture(2, 2), two: new Picture(2, 2) };
    },
  });
  expect(drawn).toBe(2);
  expect(lines).toEqual(["1 of 2: true", "2 of 2: true"]);
  expect(readdirSync(folder).sort()).toEqual(["config.json", "fit.safetensors", "log.jsonl", "one.png", "two.png"]);
});

test("with replaceConfig a finished run continues with more epochs, to the same bits", async () => {
  const whole = makeTrainer(3);
  await new Run(join(root, "three"), "x", { epochs: 3 }).train("fit", whole);
  const folder = join(root, "two");
  await new Run(folder, "x", { epochs: 2 }).train("fit", makeTrainer(2));
  expect(() => new Run(folder, "x", { epochs: 3 })).toThrow(OptionError);
  const longer = makeTrainer(3);
  await new Run(folder, "x", { epochs: 3 }, { replaceConfig: true }).train("fit", longer);
  expect(weights(longer)).toEqual(weights(whole));
  const log = (name: string) => timeless(readFileSync(join(root, name, "fit.jsonl"), "utf8"));
  expect(log("two")).toBe(log("three"));
  expect(Run.readConfig(folder)).toEqual({ epochs: 3 });
});

test("a run that cannot begin is discarded, with the folders made for it and nothing else", () => {
  new Run(join(root, "new/deep/run"), "x", {}).discard();
  expect(existsSync(join(root, "new"))).toBe(false);
  mkdirSync(join(root, "there"));
  new Run(join(root, "there"), "x", {}).discard();
  expect(readdirSync(join(root, "there"))).toEqual([]);
  const used = new Run(join(root, "used/run"), "x", {});
  writeFileSync(join(root, "used/other"), "");
  writeFileSync(used.file("other"), "");
  used.discard();
  expect(readdirSync(used.folder)).toEqual(["other"]);
});

describe("a group", () => {
  const group = initProcessGroup();
  const makeGrouped = () => new Trainer({ ...makeTrainer().options, group, shards: 2 });

  test("a run of one rank leaves the files of a run without a group, and resumes", async () => {
    const folder = join(root, "grouped");
    const whole = makeGrouped();
    await new Run(folder, "x", {}, { group }).train("fit", whole);
    expect(readdirSync(folder).sort()).toEqual(readdirSync(join(root, "whole")).sort());
    const again = makeGrouped();
    await new Run(folder, "x", {}, { group }).train("fit", again);
    expect(weights(again)).toEqual(weights(whole));
  });

  test("a rank other than 0 writes nothing", () => {
    const folder = join(root, "second rank");
    const barrier = vi.fn();
    const run = new Run(folder, "x", {}, { group: { rank: 1, worldSize: 2, barrier } as unknown as ProcessGroup });
    expect(barrier).toHaveBeenCalledOnce();
    run.picture("a", new Picture(2, 2));
    run.results({ a: 1 });
    run.discard();
    expect(existsSync(folder)).toBe(false);
  });

  test("a run and its trainer have the same group", async () => {
    const run = new Run(join(root, "without"), "x", {}, { group });
    await expect(run.train("fit", makeTrainer())).rejects.toThrow(/the same group: give it to both/);
    expect(() => new Run(root, "x", {}, { group: {} as ProcessGroup })).toThrow(/group expected the result of/);
  });
});

describe("bad options", () => {
  test.each<[string, object, RegExp]>([
    ["a number as log", { log: 3 }, /Run\.train: log expected a text, got 3/],
    ["an empty unit", { progress: "" }, /Run\.train: progress expected a text/],
    ["true as progress", { progress: true }, /Run\.train: progress expected a text, got true/],
    ["a line as describe", { describe: "x" }, /Run\.train: describe expected a function/],
    ["pictures as they are", { pictures: {} }, /Run\.train: pictures expected a function/],
    ["an unknown option", { logs: "x" }, /Run\.train: .*logs/],
  ])("%s", async (_name, options, message) => {
    const run = new Run(join(root, "bad"), "x", {});
    await expect(run.train("fit", makeTrainer(), options)).rejects.toThrow(OptionError);
    await expect(run.train("fit", makeTrainer(), options)).rejects.toThrow(message);
    expect(process.listenerCount("SIGINT")).toBe(0);
  });

  test("a folder without a readable configuration", () => {
    expect(() => Run.readConfig(join(root, "nowhere"))).toThrow(DataError);
    mkdirSync(join(root, "damaged"));
    for (const text of ["{", "null", "{}", '{"config":3}']) {
      writeFileSync(join(root, "damaged/config.json"), text);
      expect(() => Run.readConfig(join(root, "damaged")), text).toThrow(/damaged\/config\.json: cannot be read: /);
    }
    expect(() => new Run(join(root, "bad"), "x", {}, { replaceConfig: 1 as never })).toThrow(OptionError);
  });
});

describe("progress", () => {
  test("without a terminal a line every five seconds, and where a stopped epoch continues", async () => {
    let now = 0;
    vi.spyOn(performance, "now").mockImplementation(() => (now += 300)); // some seconds a step
    const folder = join(root, "progress");
    const trainer = makeTrainer(2);
    const remove = trainer.watch({ onStep: ({ place }) => void (place.step === 4 && trainer.stop()) });
    const run = new Run(folder, "x", {});
    await run.train("fit", trainer, { progress: "rows", describe: ({ epoch }) => `epoch ${epoch}` });
    expect(lines.length).toBeGreaterThan(0);
    remove();
    await run.train("fit", trainer, { progress: "rows", describe: ({ epoch }) => `epoch ${epoch}` });
    const progress = lines.filter((line) => line.includes("|"));
    const pattern = /^epoch ([12])\/2 (\d+)\/10 \| loss (\d\.\d{5}) \| \d+ rows\/s \| \d+ s left$/;
    expect(progress.filter((line) => !pattern.test(line))).toEqual([]);
    const steps = progress
      .map((line) => pattern.exec(line)!)
      .map(([, epoch, done]) => 10 * (Number(epoch) - 1) + Number(done));
    expect(steps).toEqual([...steps].sort((a, b) => a - b));
    expect(steps.length).toBeLessThan(20);
    expect(steps.some((step) => step > 4 && step <= 10)).toBe(true);
    expect(lines.filter((line) => !line.includes("|"))).toEqual(["epoch 1", "epoch 2"]);
  });

  test("on a terminal a bar, which is removed after each epoch", async () => {
    const isTTY = Object.getOwnPropertyDescriptor(process.stdout, "isTTY");
    Object.defineProperty(process.stdout, "isTTY", { value: true, configurable: true });
    let written = "";
    vi.spyOn(process.stdout, "write").mockImplementation((text) => {
      written += text;
      return true;
    });
    try {
      await new Run(join(root, "bar"), "x", {}).train("fit", makeTrainer(2), { progress: "rows" });
    } finally {
      if (isTTY) Object.defineProperty(process.stdout, "isTTY", isTTY);
      else delete (process.stdout as { isTTY?: boolean }).isTTY;
    }
    for (const epoch of [1, 2])
      expect(written).toMatch(new RegExp(`epoch ${epoch}/2 \\[[^\\]]*\\] \\d+/10 \\| loss \\d\\.`));
    const [hidden, shown] = ["\u001b[?25l", "\u001b[?25h"].map((code) => written.split(code).length - 1);
    expect([hidden, shown]).toEqual([2, 2]);
  });
});

describe("a run in a page's storage", () => {
  let storage: MemoryFolder;
  beforeEach(() => {
    const made = memoryNavigator();
    storage = made.folder;
    vi.stubGlobal("navigator", made.navigator);
  });
  afterEach(() => vi.unstubAllGlobals());

  const names = async () => (await listStored("opfs:runs")).map(({ path }) => path.replace("opfs:runs/first/", ""));
  const fileOf = async (name: string) =>
    (await (await storage.getDirectoryHandle("runs")).getDirectoryHandle("first")).getFileHandle(
      name,
    ) as Promise<MemoryFile>;

  test("has the files and the bits of a run in a folder; it is resumed after it was stopped", async () => {
    const whole = makeTrainer();
    await new Run(join(root, "whole-2"), "x", { seed: 5 }).train("fit", whole);

    const first = await Run.open("opfs:runs/first", "x", { seed: 5 });
    const stopped = makeTrainer();
    stopped.watch({ onStep: ({ place }) => void (place.step === 15 && stopped.stop()) });
    await first.train("fit", stopped);
    expect(stopped.place.step).toBe(15);

    const second = await Run.open("opfs:runs/first", "x", { seed: 5 });
    const resumed = makeTrainer();
    await second.train("fit", resumed, { pictures: () => ({ grid: new Picture(3, 2) }) });
    await second.results({ loss: 1 });
    expect(weights(resumed)).toEqual(weights(whole));
    expect(await names()).toEqual([
      "config.json",
      "fit-loss.png",
      "fit-lr.png",
      "fit.jsonl",
      "fit.safetensors",
      "grid.png",
      "results.json",
    ]);
    const log = await (await fileOf("fit.jsonl")).content.text();
    expect(timeless(log)).toBe(timeless(readFileSync(join(root, "whole-2", "fit.jsonl"), "utf8")));
    const copy = makeTrainer();
    expect(await resumeTrainer("opfs:runs/first/fit.safetensors", copy)).toBe(true);
    expect(weights(copy)).toEqual(weights(whole));
  });

  test("another configuration is refused, and the recorded one can be read or replaced", async () => {
    await Run.open("opfs:runs/first", "x", { seed: 5, rate: Number.POSITIVE_INFINITY });
    await expect(Run.open("opfs:runs/first", "x", { seed: 6 })).rejects.toThrow(
      "opfs:runs/first holds a run with another configuration",
    );
    expect(await Run.readConfig("opfs:runs/first")).toEqual({ seed: 5, rate: Number.POSITIVE_INFINITY });
    const run = await Run.open("opfs:runs/first", "x", { seed: 6 }, { replaceConfig: true });
    expect(await Run.readConfig("opfs:runs/first")).toEqual({ seed: 6 });
    await run.discard();
    await expect(Run.readConfig("opfs:runs/first")).rejects.toThrow(DataError);
    expect(() => new Run("opfs:runs/first", "x", {})).toThrow('write await Run.open("opfs:runs/first", ...)');
    expect((await Run.open(join(root, "path"), "x", {})).file("a")).toBe(join(root, "path", "a"));
  });

  test("a write that fails stops training, and its error is thrown; the old checkpoint remains", async () => {
    const run = await Run.open("opfs:runs/first", "x", {});
    const first = makeTrainer(400);
    first.watch({ onStep: ({ place }) => void (place.step === 15 && first.stop()) });
    await run.train("fit", first);
    (await fileOf("fit.safetensors")).failure = new Error("quota exceeded");
    const trainer = makeTrainer(400);
    await expect(run.train("fit", trainer)).rejects.toThrow(/^saveCheckpoint: cannot write .*quota exceeded/);
    expect(trainer.place.epoch).toBeLessThan(400);
    const copy = makeTrainer(400);
    expect(await resumeTrainer("opfs:runs/first/fit.safetensors", copy)).toBe(true);
    expect(copy.place.step).toBeGreaterThanOrEqual(15);
  });

  test("writes of one file end in their order", async () => {
    const trainer = makeTrainer();
    const saves = [saveTrainer("opfs:a.safetensors", trainer)];
    await trainer.fit();
    saves.push(saveTrainer("opfs:a.safetensors", trainer));
    await Promise.all(saves);
    const copy = makeTrainer();
    await resumeTrainer("opfs:a.safetensors", copy);
    expect(copy.place).toEqual(trainer.place);
  });
});
