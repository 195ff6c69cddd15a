/** The program of worker threads: src/runtime/parallel/worker.ts, bundled into a string. */
import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { workerSource } from "../../../src/runtime/parallel/worker.generated.ts";
import { root } from "../../support/source.ts";

test("the string is made of the sources as they are", () => {
  const check = spawnSync(process.execPath, ["--import", "tsx", "scripts/inline_worker.ts", "--check"], {
    cwd: root,
    encoding: "utf8",
  });
  expect(check.stderr).toBe("");
  expect(check.status).toBe(0);
});

test("it is one small script that needs nothing but Node's modules", () => {
  expect(() => new Function(workerSource)).not.toThrow(); // a module would be a SyntaxError
  const required = Array.from(workerSource.matchAll(/(?:require|import)\("?([^)"]*)/g), ([, name]) => name);
  expect(required.sort()).toEqual(["node:fs", "node:os", "node:worker_threads"]);
  expect(workerSource.startsWith('"use strict";')).toBe(true);
  expect(workerSource.length).toBeLessThan(4000);
});
