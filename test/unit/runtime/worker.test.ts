/** The programs of worker threads, bundled into strings. */
import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { workerSource } from "../../../src/runtime/parallel/worker.generated.ts";
import { compileWorkerSource } from "../../../src/runtime/wide/compile_worker.generated.ts";
import { root } from "../../support/source.ts";

test("the strings are made of the sources as they are", () => {
  const check = spawnSync(process.execPath, ["--import", "tsx", "scripts/inline_worker.ts", "--check"], {
    cwd: root,
    encoding: "utf8",
  });
  expect(check.stderr).toBe("");
  expect(check.status).toBe(0);
});

test.each([
  ["computes", workerSource, ["node:fs", "node:os", "node:worker_threads"], 4000],
  ["compiles", compileWorkerSource, ["node:v8", "node:vm", "node:worker_threads"], 8000],
])("the one that %s is a small script that needs nothing but Node's modules", (_name, source, modules, length) => {
  expect(() => new Function(source)).not.toThrow(); // a module would be a SyntaxError
  const required = Array.from(source.matchAll(/(?:require|import)\("?([^)"]*)/g), ([, name]) => name);
  expect(required.sort()).toEqual(modules);
  expect(source.startsWith('"use strict";')).toBe(true);
  expect(source.length).toBeLessThan(length);
});
