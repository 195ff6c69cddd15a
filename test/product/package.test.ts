/** The package as a user gets it: packed, unpacked elsewhere, imported and type-checked there. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { LIBS, linkInto, pack, runProgram, strayFiles, type Tarball, typeCheck } from "../../scripts/package_check.ts";
import { root } from "../support/source.ts";

let project: string;
let tarball: Tarball;

beforeAll(async () => {
  execFileSync(process.execPath, [
    join(root, "node_modules/typescript/bin/tsc"),
    "-p",
    join(root, "tsconfig.build.json"),
  ]);
  project = mkdtempSync(join(tmpdir(), "wasmgrad-package-"));
  tarball = pack(project);
  await linkInto(project, tarball);
}, 60_000);

afterAll(() => rmSync(project, { recursive: true, force: true }));

test("holds the library, its sources and nothing else", () => {
  expect(strayFiles(tarball.files)).toEqual([]);
  const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    exports: Record<string, string | Record<string, string>>;
  };
  for (const target of Object.values(exports)) {
    const paths = typeof target === "string" ? [target] : Object.values(target);
    for (const path of paths) expect(tarball.files).toContain(path.slice("./".length));
  }
  expect(tarball.size).toBeLessThan(1_000_000);
});

test("names no folder of the machine that built it", () => {
  const naming = tarball.files.filter((file) =>
    readFileSync(join(project, "node_modules/wasmgrad", file), "latin1").includes(root),
  );
  expect(naming).toEqual([]);
});

test("trains a network in a project that installed it", { timeout: 30_000 }, () => {
  expect(runProgram(project)).toMatch(/loss 0\.\d+ -> 0\.\d+/);
});

const resolutions = ["node16", "nodenext", "bundler"] as const;
test.each(resolutions.flatMap((resolution) => LIBS.map((lib) => ({ resolution, lib }))))(
  "types resolve: $resolution, $lib",
  ({ resolution, lib }) => {
    expect(typeCheck(project, resolution, lib)).toBe("");
  },
);
