/**
 * Runs a short version of each experiment. A run is recorded, continues where it stopped, and repeats bit for
 * bit.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { OptionError, setNumThreads } from "wasmgrad";
import { type Config, Interrupted, Run } from "wasmgrad/train";
import { experiments } from "../../examples/self-supervised/experiments.ts";
import { runExperiment } from "../../examples/self-supervised/main.ts";
import { recordFile, resultsMarkdown, resultsPage } from "../../examples/self-supervised/record.ts";
import { writeReport } from "../../examples/self-supervised/report.ts";
import type { RecordedRun } from "../../examples/self-supervised/results.ts";

const folder = mkdtempSync(join(tmpdir(), "wasmgrad-experiments-"));
afterAll(() => rmSync(folder, { recursive: true }));
beforeAll(() => void vi.spyOn(console, "log").mockImplementation(() => {}));

const quick = (name: string): [(typeof experiments)[number], Config] => {
  const one = experiments.find((other) => other.name === name)!;
  return [one, { ...one.defaults, ...one.quick } as Config];
};
/** Removes times, which differ from run to run; everything else must be equal. */
const timeless = (results: Record<string, number>) =>
  Object.fromEntries(Object.entries(results).filter(([name]) => !/msPerImage/.test(name)));

describe.each(experiments.map(({ name }) => name))("%s", (name) => {
  test("runs, and writes its config, log and results", { timeout: 120_000 }, async () => {
    const [one, config] = quick(name);
    const results = await runExperiment(one, config, join(folder, name));
    expect(Object.keys(results).length).toBeGreaterThan(2);
    expect(Object.values(results).filter((value) => !Number.isFinite(value))).toEqual([]);
    const read = (file: string) => JSON.parse(readFileSync(join(folder, name, file), "utf8"));
    expect(read("config.json")).toEqual({ experiment: name, config });
    expect(read("results.json")).toEqual(results);
  });

  test("stopped while it trains and continued on two threads, it gives the same numbers", {
    timeout: 120_000,
  }, async () => {
    const [one, config] = quick(name);
    const place = join(folder, `${name}-stopped`);
    const { train } = Run.prototype;
    const stopped = vi.spyOn(Run.prototype, "train").mockImplementationOnce(function (this: Run, part, trainer) {
      const remove = trainer.watch({
        onEntry: () => {
          remove();
          process.emit("SIGINT", "SIGINT");
        },
      });
      return train.call(this, part, trainer);
    });
    const run = runExperiment(one, config, place);
    if (name === "data") await run;
    else await expect(run).rejects.toThrow(Interrupted);
    stopped.mockRestore();
    setNumThreads(2);
    try {
      const results = await runExperiment(one, config, place);
      const whole = JSON.parse(readFileSync(join(folder, name, "results.json"), "utf8"));
      expect(timeless(results)).toEqual(timeless(whole));
    } finally {
      setNumThreads(1);
    }
  });
});

test("the same command finds the finished run", { timeout: 120_000 }, async () => {
  const [one, config] = quick("inpainting");
  const log = join(folder, "inpainting/training.jsonl");
  const before = readFileSync(log, "utf8");
  const results = JSON.parse(readFileSync(join(folder, "inpainting/results.json"), "utf8"));
  expect(await runExperiment(one, config, join(folder, "inpainting"))).toEqual(results);
  expect(readFileSync(log, "utf8")).toBe(before);
});

test("a folder with another configuration is refused", async () => {
  const [one, config] = quick("inpainting");
  await expect(runExperiment(one, { ...config, lr: 0.5 }, join(folder, "inpainting"))).rejects.toThrow(OptionError);
});

test("the report has every run, its numbers, curves and pictures", () => {
  const path = join(folder, "report.html");
  writeReport(folder, path);
  const html = readFileSync(path, "utf8");
  for (const { name } of experiments) expect(html).toContain(`<h2>${name}</h2>`);
  expect(html.match(/data:image\/png;base64,/g)!.length).toBeGreaterThan(20);
  expect(html).toContain("psnr");
  const wrong = html.replaceAll(/base64,[^"]*/g, "").match(/undefined|NaN|\[object/g);
  expect(wrong).toBeNull();
  expect(existsSync(join(folder, "inpainting/painted.png"))).toBe(true);
});

test("RESULTS.md agrees with the recorded runs", () => {
  const runs = JSON.parse(readFileSync(recordFile, "utf8")) as RecordedRun[];
  const page = readFileSync(resultsPage, "utf8");
  expect(page).toBe(resultsMarkdown(runs));
  const shown = [...page.matchAll(/!\[[^\]]*\]\(([^)]+)\)/g)].map(([, path]) => join(resultsPage, "..", path));
  expect(shown.filter((path) => !existsSync(path))).toEqual([]);
  expect(shown.length).toBeGreaterThan(2);
});
