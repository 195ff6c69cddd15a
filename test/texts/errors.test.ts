/** docs/errors.md agrees with the doc comments of the error classes, and with what their examples print. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { errorsPage } from "../../scripts/error_list.ts";
import * as wasmgrad from "../../src/index.ts";
import * as train from "../../src/train/index.ts";
import { root } from "../support/source.ts";

test("the page is up to date (else: npm run build && npm run errors)", { timeout: 120_000 }, () => {
  expect(readFileSync(join(root, "docs/errors.md"), "utf8")).toBe(errorsPage());
});

test("the page has each exported class of error", () => {
  const page = readFileSync(join(root, "docs/errors.md"), "utf8");
  const listed = [...page.matchAll(/^## (\w+)$/gm)].map(([, name]) => name);
  const exported = Object.entries({ ...wasmgrad, ...train })
    .filter(([, value]) => value === wasmgrad.WasmgradError || Object.getPrototypeOf(value) === wasmgrad.WasmgradError)
    .map(([name]) => name);
  expect(listed.sort()).toEqual([...new Set(exported)].sort());
});
