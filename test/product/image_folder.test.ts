/** The example with a folder of JPEG files, on a few of them: made, loaded by a worker, trained on. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { root } from "../support/source.ts";

const folder = mkdtempSync(join(tmpdir(), "wasmgrad-photos-"));
const run = (program: string, ...args: string[]) =>
  execFileSync(process.execPath, [join(root, "examples/image_folder", program), ...args], {
    encoding: "utf8",
    env: { ...process.env, PHOTOS: folder },
  });

beforeAll(() => void run("make_photos.mjs", folder, "40"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("the files are in ten folders, the same in each run", () => {
  const files = () => readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => /jpg$/.test(name));
  const contents = () => files().map((name) => readFileSync(join(folder, name)).toString("base64"));
  expect(new Set(files().map((name) => name.split("/")[0])).size).toBe(10);
  expect(files()).toHaveLength(40);
  const before = contents();
  run("make_photos.mjs", folder, "40");
  expect(contents()).toEqual(before);
});

test.each([0, 1])("a network trains on them with %i workers", (workers) => {
  const printed = run("train.mjs", String(workers));
  expect(printed).toMatch(new RegExp(`^40 images of 40, ${workers} workers: \\d+ images/s\n`));
  expect(printed).toMatch(/waited for images: \d+\.\d % of the time\nmemory of the process, in MB: \d+ \d+\n$/);
});
