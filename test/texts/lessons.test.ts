/** The numbered lessons of examples/ run, and print the promised lines. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatWithOptions } from "node:util";
import { describe, expect, test, vi } from "vitest";
import { root } from "../support/source.ts";

/** Lines that each lesson must print, among others. */
const PROMISES: Record<string, RegExp[]> = {
  "01_tensor.ts": [/columns' sums: \[ 5, 7, 9 \] its mean: 3.5/, / {4}#{5} {13}#{5}/],
  "02_gradient.ts": [/backward\(\) +-0\.3900/, /difference +-0\.3900/, /x = 3\.83\d, f\(x\) = 0\.8316/],
  "03_convolution.ts": [/largest difference 0\n/, / {2}\+\+ {8}-- {2}/, / {2}\+{12} {2}/],
  "04_convolution_backward.ts": [/d\/d3 = 5, d\/d5 = 3/, /4 6 6 6 4\n6 9 9 9 6/, /-1\.99\d +-?0\.00\d +1\.99\d/],
  "05_module.ts": [/6 parameters/, /step 400: loss \d\.\d+e-[45]/, /^ +\*$/m],
  "06_memory.ts": [/one kept +2 tensors/, /another one: true/, /1000 iterations: the same/, /by hand +0 tensors, 0 kB/],
  "07_threads.ts": [/1 thread .*bits (\w+)\n\d+ threads.*bits \1/],
  "08_save_and_load.ts": [/gives the same: true/, /another kind: true/, /continued: +(\S+ \S+)\n.*resumed: +\1/],
  "09_images.ts": [/250 real images/, /hidden: (49|50)\.\d %/, /painted grey: 1\d\.\d+ dB/],
  "10_train_inpainting.ts": [/before: \d+\.\d+ dB\nepoch 1: loss 0\.\d+, test \d+\.\d+ dB/],
};

/** Runs a lesson in a new folder; returns its output and its files. */
async function run(file: string, args: string[]): Promise<{ printed: string; left: string[] }> {
  const lines: string[] = [];
  const log = vi.spyOn(console, "log").mockImplementation((...values) => {
    lines.push(formatWithOptions({ depth: 9 }, ...values));
  });
  const [cwd, argv] = [process.cwd(), process.argv];
  const scratch = mkdtempSync(join(tmpdir(), "wasmgrad-lesson-"));
  process.chdir(scratch);
  process.argv = [argv[0], file, ...args];
  try {
    await import(/* @vite-ignore */ join(root, "examples", file));
    return { printed: `${lines.join("\n")}\n`, left: readdirSync(scratch) };
  } finally {
    process.argv = argv;
    process.chdir(cwd);
    log.mockRestore();
    rmSync(scratch, { recursive: true });
  }
}

const lessons = readdirSync(join(root, "examples")).filter((file) => /^\d\d_.*\.ts$/.test(file));

test("the lessons are numbered 01 to 10, and the README lists them", () => {
  expect(lessons.map((file) => file.slice(0, 2))).toEqual(
    Array.from({ length: 10 }, (_, i) => `${i + 1}`.padStart(2, "0")),
  );
  const readme = readFileSync(join(root, "examples/README.md"), "utf8");
  expect([...readme.matchAll(/\]\((\d\d_\w+\.ts)\)/g)].map(([, file]) => file)).toEqual(lessons);
});

describe.each(lessons)("%s", (file) => {
  test("says how to run it, runs, and prints the promised lines", async () => {
    expect(readFileSync(join(root, "examples", file), "utf8")).toContain(`\n// npx tsx examples/${file}`);
    const { printed, left } = await run(file, file.startsWith("10") ? ["1", "40"] : []);
    for (const promise of PROMISES[file]) expect(printed).toMatch(promise);
    expect(left).toEqual(file.startsWith("10") ? ["lesson10.png"] : []);
  });
});
