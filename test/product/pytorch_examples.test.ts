/**
 * The programs of examples/pytorch/: from the same weights and data, the first losses are PyTorch's; each
 * runs, and its losses are finite.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { readArguments } from "../../examples/pytorch/lib/arguments.ts";
import { drawDigits } from "../../examples/pytorch/lib/digits.ts";
import type { ExampleCase } from "../support/pytorch_examples/case.ts";
import { root } from "../support/source.ts";

const programs = join(root, "examples/pytorch");
const fixtures = join(root, "test/fixtures/pytorch_examples");
const names = readdirSync(programs)
  .filter((file) => file.endsWith(".ts"))
  .map((file) => file.slice(0, -3));

const folder = mkdtempSync(join(tmpdir(), "wasmgrad-pytorch-"));
afterAll(() => rmSync(folder, { recursive: true }));
beforeAll(() => void vi.spyOn(console, "log").mockImplementation(() => {}));

const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

describe.each(names)("%s", async (name) => {
  const example: ExampleCase = (await import(join(root, `test/support/pytorch_examples/${name}.ts`))).default;

  test("says how to run it, in at most 150 lines", () => {
    const text = readFileSync(join(programs, `${name}.ts`), "utf8");
    expect(text).toContain(`\n// npx tsx examples/pytorch/${name}.ts\n`);
    expect(text.split("\n").length - 1).toBeLessThanOrEqual(150);
  });

  test.runIf(example.losses)("the first losses are PyTorch's", () => {
    const expected = JSON.parse(readFileSync(join(fixtures, `${name}.json`), "utf8")).losses.flat() as number[];
    const losses = example.losses!(10).flat();
    expect(losses.length).toBe(expected.length);
    const errors = losses.map((loss, i) => Math.abs(loss - expected[i]) / Math.abs(expected[i]));
    const allowed = example.tolerance ?? 1e-5;
    // a NaN fails as well
    expect(errors.filter((error) => !(error <= allowed))).toEqual([]);
    // and the losses are not all the same
    expect(new Set(losses).size).toBeGreaterThan(5);
  });

  test("runs; its losses are finite", async () => {
    const { main } = await import(join(programs, `${name}.ts`));
    const out = example.pictures ? ["--out", join(folder, name)] : [];
    const losses: number[] = await main([...example.smoke, ...out]);
    expect(losses.length).toBeGreaterThanOrEqual(3);
    expect(losses.filter((loss) => !Number.isFinite(loss))).toEqual([]);
    if (example.falls) expect(mean(losses.slice(-3)) / mean(losses.slice(0, 3))).toBeLessThanOrEqual(example.falls);
    for (const picture of example.pictures ?? []) {
      expect(statSync(join(folder, name, picture)).size, picture).toBeGreaterThan(500);
    }
  });
});

describe("what they share", () => {
  test("options: numbers, texts and flags; unknown ones and words for numbers are refused", () => {
    const defaults = { steps: 10, out: "here", fast: false };
    expect(readArguments(["--steps", "1e2", "--fast"], defaults)).toEqual({ steps: 100, out: "here", fast: true });
    expect(readArguments(["--steps=5"], defaults).steps).toBe(5);
    expect(() => readArguments(["--stop", "3"], defaults)).toThrow("--stop: the options are --steps --out --fast");
    expect(() => readArguments(["--steps", "many"], defaults)).toThrow(RangeError);
  });

  test("drawn digits: all ten, in [0, 1], dark at the border, and equal for equal seeds", () => {
    const [images, labels] = drawDigits(200, { seed: 3, size: 16 });
    expect(labels.unique().toArray()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const pixels = [...images.data()];
    expect(pixels.filter((pixel) => !(pixel >= 0 && pixel <= 1))).toEqual([]);
    const ink = images.mean([1, 2, 3]);
    expect(ink.min().item()).toBeGreaterThan(0.02);
    expect(ink.max().item()).toBeLessThan(0.5);
    expect(images.select(2, 0).mean().item()).toBeLessThan(0.02);
    expect(drawDigits(200, { seed: 3, size: 16 })[0].equal(images)).toBe(true);
    expect(drawDigits(200, { seed: 4, size: 16 })[0].equal(images)).toBe(false);
  });
});

test("the README lists every program, and whether its first losses are PyTorch's", () => {
  const readme = readFileSync(join(programs, "README.md"), "utf8");
  const rows = [...readme.matchAll(/^\| \[`(\w+)\.ts`\]\(\1\.ts\) \|.*\| (yes|no)[^|]* \|$/gm)];
  expect(rows.map(([, name]) => name).sort()).toEqual(names.sort());
  for (const [, name, equal] of rows) {
    expect(existsSync(join(fixtures, `${name}.json`)), name).toBe(equal === "yes");
    expect(existsSync(join(fixtures, `${name}.py`)), name).toBe(equal === "yes");
  }
});
