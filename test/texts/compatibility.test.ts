/** docs/compatibility.md agrees with the library's exports, and lists no name that does not exist. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { DIFFERENCES, INSTEAD } from "../../scripts/compatibility/differences.ts";
import { compatibilityPage, exists, lookUp, NAMES } from "../../scripts/compatibility/page.ts";
import { root } from "../support/source.ts";

const rows = NAMES.groups.flatMap(lookUp);
const statusOf = new Map(rows.map(({ full, status }) => [full, status]));

test("the page is up to date (else: npm run compatibility)", () => {
  expect(readFileSync(join(root, "docs/compatibility.md"), "utf8")).toBe(compatibilityPage());
});

test("each of PyTorch's names is listed once", () => {
  const names = rows.map(({ full }) => full);
  expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
});

test("each difference belongs to a name that the library has", () => {
  expect(Object.keys(DIFFERENCES).filter((full) => statusOf.get(full) !== "differs")).toEqual([]);
});

test("each replacement is for a missing name", () => {
  expect(Object.keys(INSTEAD).filter((full) => statusOf.get(full) !== "missing")).toEqual([]);
});

test("the members that differences and replacements name exist", () => {
  const renamed = Object.values(DIFFERENCES).flatMap(({ as }) => as ?? []);
  const used = Object.values(INSTEAD).flatMap(({ uses }) => uses);
  expect([...renamed, ...used].filter((member) => !exists(member))).toEqual([]);
});

test("a member that does not exist is noticed", () => {
  expect(exists("Tensor.matmul")).toBe(true);
  expect(exists("type wasmgrad/data Dataset")).toBe(true);
  const none = ["Tensor.matMul", "Tensor.toLocaleString", "nowhere.matmul", "type wasmgrad/data Datasets"];
  expect(none.filter(exists)).toEqual([]);
});

test("a name in snake case is found in camel case, and a missing name is listed as missing", () => {
  const group = { title: "", prefix: "torch.", places: ["functional"], names: ["conv_transpose2d", "conv4d"] };
  expect(lookUp(group).map(({ status }) => status)).toEqual(["same", "missing"]);
  const inPlace = { title: "", prefix: "torch.", places: ["init"], names: ["kaiming_uniform_"] };
  expect(lookUp(inPlace)[0].here).toBe("init.kaimingUniform_");
});
