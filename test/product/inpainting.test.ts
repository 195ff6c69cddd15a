/**
 * The main program as a user runs it, on a small data set: the files that it writes, exact resumption, and
 * its messages for bad input.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CommanderError } from "commander";
import { decode, encode } from "fast-png";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { loadSafetensors } from "wasmgrad/io";
import { readOptions } from "../../examples/inpainting/options.ts";
import { testRandom } from "../support/random.ts";

const root = join(import.meta.dirname, "../..");
const TIMEOUT = 120_000;
let folder: string;

/** A pair of sheets: smooth images, so that there is something to learn. */
function writeSheets(path: string, name: string, count: number): void {
  const random = testRandom(count);
  const data = new Uint8Array(count * 1024 * 3);
  for (let n = 0; n < count; n++) {
    const [red, green, blue] = [random(), random(), random()];
    for (let pixel = 0; pixel < 1024; pixel++) {
      const [x, y] = [(pixel % 32) / 31, Math.floor(pixel / 32) / 31];
      data.set([255 * red * x, 255 * green * y, 255 * blue * (1 - x)], (n * 1024 + pixel) * 3);
    }
  }
  writeFileSync(join(path, `${name}.png`), encode({ width: 1024, height: count, data, channels: 3 }));
  writeFileSync(join(path, `${name}_labels.json`), JSON.stringify(Array.from({ length: count }, (_, n) => n % 10)));
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "wasmgrad-"));
  mkdirSync(join(folder, "images"));
  writeSheets(join(folder, "images"), "train", 66);
  writeSheets(join(folder, "images"), "test", 7);
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Result {
  code: number | null;
  output: string;
  errors: string;
}

/** Runs a program of the examples; `whileRunning` sees the process at its first output. */
function run(
  program: string,
  args: string[],
  cwd: string,
  whileRunning?: (child: ChildProcess) => void,
): Promise<Result> {
  const tsx = join(root, "node_modules/tsx/dist/loader.mjs");
  const child = spawn(process.execPath, ["--import", tsx, join(root, "examples", program), ...args], {
    cwd,
    env: { ...process.env, TSX_TSCONFIG_PATH: join(root, "tsconfig.json"), FORCE_COLOR: undefined },
  });
  let [output, errors] = ["", ""];
  child.stdout.on("data", (chunk) => {
    if (output === "") whileRunning?.(child);
    output += chunk;
  });
  child.stderr.on("data", (chunk) => (errors += chunk));
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, output, errors })));
}

const train = (args: string[], whileRunning?: (child: ChildProcess) => void) =>
  run("inpainting/main.ts", ["--data", "images", "--seed", "5", ...args], folder, whileRunning);

const readLog = (out: string) =>
  readFileSync(join(folder, out, "log.jsonl"), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

describe("a run", () => {
  let whole: Result;
  beforeAll(async () => {
    whole = await train(["--epochs", "3", "--out", "whole"]);
  }, TIMEOUT);

  test("a run prints and logs its progress", () => {
    expect(whole.errors).toBe("");
    expect(whole.code).toBe(0);
    expect(whole.output).toMatch(/66 training images, 7 test images, preset corrected/);
    expect(whole.output).toMatch(
      /Epoch 3\/3, Loss: 0\.\d+, test MSE 0\.\d+ \(hidden elements 0\.\d+, PSNR \d+\.\d\d dB\)/,
    );
    const [first, ...entries] = readLog("whole");
    expect(first).toMatchObject({
      kind: "config",
      data: "images",
      preset: "corrected",
      epochs: 3,
      batchSize: 4,
      seed: 5,
    });
    const epochs = entries.filter(({ kind }) => kind === "epoch");
    expect(epochs.map(({ epoch, step }) => [epoch, step])).toEqual([
      [1, 17],
      [2, 34],
      [3, 51],
    ]);
    expect(epochs[2].loss).toBeLessThan(epochs[0].loss);
    for (const { mse, maskedMse, maskedPsnr } of epochs) {
      expect(maskedMse).toBeGreaterThan(0);
      expect(mse).toBeGreaterThan(0);
      expect(maskedPsnr).toBeCloseTo(-10 * Math.log10(maskedMse), 9);
    }
    // the means of the steps average to the mean of the epoch
    const steps = entries.filter(({ kind, epoch }) => kind === "step" && epoch === 2);
    const mean = steps.reduce((sum, { loss }) => sum + loss, 0) / steps.length;
    expect(mean).toBeCloseTo(epochs[1].loss, 9);
    for (const { imagesPerSecond } of steps) expect(imagesPerSecond).toBeGreaterThan(0);
    const config = JSON.parse(readFileSync(join(folder, "whole/config.json"), "utf8"));
    expect(config.experiment).toBe("inpainting");
    expect({ kind: "config", ...config.config }).toEqual(first);
  });

  test("a run leaves pictures, weights, a checkpoint and no partial files", () => {
    expect(readdirSync(join(folder, "whole")).sort()).toEqual([
      "checkpoint.safetensors",
      "config.json",
      "grid.png",
      "log.jsonl",
      "loss.png",
      "weights.safetensors",
    ]);
    const { tensors } = loadSafetensors(join(folder, "whole/weights.safetensors"));
    const shapes = Object.fromEntries(Object.entries(tensors).map(([name, { shape }]) => [name, [...shape]]));
    expect(shapes).toEqual({
      "encoder.0.weight": [64, 3, 3, 3],
      "encoder.0.bias": [64],
      "encoder.3.weight": [128, 64, 3, 3],
      "encoder.3.bias": [128],
      "decoder.0.weight": [128, 64, 2, 2],
      "decoder.0.bias": [64],
      "decoder.2.weight": [64, 3, 2, 2],
      "decoder.2.bias": [3],
    });
    const grid = decode(readFileSync(join(folder, "whole/grid.png")));
    expect(grid.width).toBeGreaterThan(6 * 128);
    expect(grid.height).toBeGreaterThan(4 * 128);
  });

  test(
    "Ctrl-C saves; a run that is stopped and resumed, twice, ends in the same bytes",
    async () => {
      const interrupt = (child: ChildProcess) => child.kill("SIGINT");
      const stopped = await train(["--epochs", "3", "--out", "parts"], interrupt);
      expect(stopped.errors).toBe("");
      expect(stopped.code).toBe(130);
      expect(stopped.output).toMatch(/stopped after step \d+; continue with: npm start -- --resume parts/);
      const again = await run("inpainting/main.ts", ["--resume", "parts", "--threads", "1"], folder, interrupt);
      expect(again.code).toBe(130);
      const rest = await run("inpainting/main.ts", ["--resume", "parts"], folder);
      expect(rest.errors).toBe("");
      expect(rest.code).toBe(0);
      expect(rest.output).toMatch(/continuing after step \d+/);
      for (const name of ["weights.safetensors", "grid.png"]) {
        const [a, b] = ["whole", "parts"].map((out) => readFileSync(join(folder, out, name)));
        expect(a.equals(b), name).toBe(true);
      }
      const results = (out: string) =>
        readLog(out).map(({ imagesPerSecond: _speed, seconds: _time, ...numbers }) => numbers);
      expect(results("parts")).toEqual(results("whole"));
    },
    TIMEOUT,
  );

  test(
    "a finished run goes on with more epochs, not with other settings, and is not overwritten",
    async () => {
      const other = await train(["--out", "whole"]);
      expect([other.code, other.errors]).toEqual([
        1,
        expect.stringMatching(/^error: --out: whole holds a run already/),
      ]);
      const changed = await train(["--resume", "whole", "--lr", "0.1"]);
      expect([changed.code, changed.errors]).toEqual([
        1,
        expect.stringMatching(/has lr 0.001; it cannot continue with 0.1/),
      ]);
      const more = await train(["--resume", "whole", "--epochs", "4"]);
      expect(more.output).toMatch(/Epoch 4\/4/);
      expect(readLog("whole").filter(({ kind }) => kind === "epoch")).toHaveLength(4);
    },
    TIMEOUT,
  );
});

test(
  "the tutorial preset normalises to [-1,1], so its loss is far larger",
  async () => {
    const { code } = await train(["--preset", "tutorial", "--epochs", "1", "--out", "tutorial"]);
    expect(code).toBe(0);
    const epoch = readLog("tutorial").find(({ kind }) => kind === "epoch");
    expect(epoch.loss).toBeGreaterThan(0.1);
    expect(epoch.maskedPsnr).toBeCloseTo(10 * Math.log10(4 / epoch.maskedMse), 9);
  },
  TIMEOUT,
);

describe("the command line", () => {
  test.each([
    [["--epochs", "0"], /^error: option '--epochs <n>' argument '0' is invalid. Expected an integer from 1/],
    [["--lr", "NaN"], /^error: option '--lr <x>' argument 'NaN' is invalid. Expected a number > 0/],
    [["--lr", "-1"], /'-1' is invalid/],
    [["--mask", "1"], /Expected a number between 0 and 1/],
    [["--batch-size", "2.5"], /Expected an integer/],
    [["--seed", ""], /argument '' is invalid/],
    [["--threads", "0"], /Expected an integer from 1 to 64/],
    [["--preset", "best"], /Allowed choices are tutorial, corrected/],
    [["--out", ""], /^error: option '--out' argument is empty/],
    [["--out", "a", "--resume", "b"], /^error: --resume continues in its own folder: leave out --out/],
    [["surprise"], /^error: too many arguments/],
  ] as [string[], RegExp][])("%s is refused in one line", (args, message) => {
    const write = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    try {
      expect(() => readOptions(args)).toThrow(CommanderError);
      const lines = write.mock.calls.map(([text]) => String(text));
      expect(lines).toEqual([expect.stringMatching(message)]);
      expect(lines[0].indexOf("\n")).toBe(lines[0].length - 1);
    } finally {
      write.mockRestore();
    }
  });

  test("an option that is not typed has its default, and is not listed as given", () => {
    expect(readOptions([])).toEqual({
      settings: {
        data: "sample",
        preset: "corrected",
        epochs: 15,
        batchSize: 4,
        lr: 0.001,
        mask: 0.5,
        seed: 0,
        shards: 0,
      },
      given: new Set(),
      threads: null,
      out: null,
      resume: null,
    });
    const { settings, given, resume, threads } = readOptions("--data x --lr 1e-2 --threads 2 --resume".split(" "));
    expect([settings.epochs, settings.lr, resume, threads]).toEqual([5, 0.01, "latest", 2]);
    expect([...given]).toEqual(["data", "lr"]);
  });
});

describe("bad input is one clear line and exit code 1", () => {
  test.each([
    [["--epoch", "3"], /^error: unknown option '--epoch' \(Did you mean --epochs\?\)/],
    [["--data", "no-such-folder"], /^error: --data: .* there is no folder no-such-folder/],
    [["--data", "."], /^error: CIFAR10.load: no training images under \./],
    [["--out", "images/train.png"], /^error: --out: cannot write to images\/train\.png: E\w+/],
    [["--resume", "images"], /^error: --resume: there is no checkpoint in images/],
    [["--resume"], /^error: --resume: there is no run with a checkpoint in runs/],
  ] as [string[], RegExp][])(
    "%s",
    async (args, message) => {
      const { code, output, errors } = await train(args);
      expect(errors).toMatch(message);
      expect(errors.trim().split("\n")).toHaveLength(1);
      expect([code, output]).toEqual([1, ""]);
      expect(existsSync(join(folder, "runs")), "nothing is left behind").toBe(false);
    },
    TIMEOUT,
  );
});

test(
  "--help",
  async () => {
    const { code, output } = await train(["--help"]);
    expect(code).toBe(0);
    for (const name of [
      "data",
      "preset",
      "epochs",
      "batch-size",
      "lr",
      "mask",
      "seed",
      "shards",
      "threads",
      "out",
      "resume",
    ]) {
      expect(output).toContain(`--${name} `);
    }
  },
  TIMEOUT,
);

test(
  "the tutorial program runs as it stands",
  async () => {
    const cwd = mkdtempSync(join(folder, "tutorial-"));
    mkdirSync(join(cwd, "data"));
    writeSheets(join(cwd, "data"), "train", 8);
    const { code, output, errors } = await run("tutorial.ts", [], cwd);
    expect(errors).toBe("");
    expect(output).toMatch(/^(Epoch [1-5], Loss: \d\.\d+\n){5}$/);
    const losses = output.split("\n").map((line) => Number(line.split("Loss: ")[1]));
    expect(losses[4]).toBeLessThan(losses[0]);
    expect(code).toBe(0);
  },
  TIMEOUT,
);
