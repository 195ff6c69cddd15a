/** The folder of a run: recorded, stopped by a signal, gone on with. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { DataError, manualSeed, nn, OptionError, optim, rand } from "wasmgrad";
import { DataLoader, TensorDataset } from "wasmgrad/data";
import { Interrupted, Run, Trainer } from "wasmgrad/train";
import { Picture } from "wasmgrad/vision";

const root = mkdtempSync(join(tmpdir(), "wasmgrad-run-"));
afterAll(() => rmSync(root, { recursive: true }));
beforeAll(() => void vi.spyOn(console, "log").mockImplementation(() => {}));

const x = rand([40, 3]);
const set = new TensorDataset(x, x.sum(1, { keepdim: true }));

function makeTrainer() {
  manualSeed(5);
  const model = new nn.Linear(3, 1);
  return new Trainer({
    model,
    loader: new DataLoader(set, { batchSize: 4, shuffle: true }),
    optimizer: new optim.Adam(model.parameters(), { lr: 0.01 }),
    loss: ([inputs, targets]) => nn.functional.mseLoss(model.forward(inputs), targets),
    epochs: 3,
    logEvery: 5,
  });
}

const weights = (trainer: Trainer) => Object.values(trainer.options.model.stateDict()).map((t) => [...t.data()]);
const timeless = (text: string) => text.replace(/"seconds":[^,}]*/g, "");

test("a signal stops it after the running step; the same program goes on to the same bits", async () => {
  const whole = makeTrainer();
  await new Run(join(root, "whole"), "x", {}).train("fit", whole);

  const folder = join(root, "stopped");
  const stopped = makeTrainer();
  stopped.watch({ onEntry: ({ place }) => void (place.step === 15 && process.emit("SIGINT", "SIGINT")) });
  await expect(new Run(folder, "x", {}).train("fit", stopped)).rejects.toThrow(Interrupted);
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

test("results add up, pictures have their names", () => {
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
