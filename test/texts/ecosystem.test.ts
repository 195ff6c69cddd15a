/** docs/ecosystem.md shows the recorded results of test/ecosystem, and every case is recorded. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { GROUPS } from "../ecosystem/cases/index.ts";
import { judge } from "../ecosystem/run.ts";
import { PAGE, pageWith, readResults } from "../ecosystem/table.ts";

const page = readFileSync(PAGE, "utf8");
const results = readResults();
const cases = Object.values(GROUPS).flat();

test("the page is up to date (else: npm run test:ecosystem -- --write)", () => {
  expect(pageWith(results, page)).toBe(page);
});

test("a change of the results is noticed", () => {
  const [first, ...rest] = results.rows;
  expect(pageWith({ ...results, rows: [{ ...first, surprise: "it fell over" }, ...rest] }, page)).not.toBe(page);
});

test("no two cases have one name", () => {
  const names = cases.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
});

test.each(cases)("$name is recorded with its versions", ({ name, title, tool, dependencies = {}, runs }) => {
  const rows = results.rows.filter((row) => row.name === name);
  expect(rows.length).toBeGreaterThanOrEqual(runs.length);
  const version = dependencies[tool];
  for (const row of rows) expect(row.tool).toContain(version === undefined ? title : `${title} ${version}`);
});

describe("an answer", () => {
  const answer = { product: "[[19,22],[43,50]]", bits: ["1f", "1f", "1f"], threads: 2 };

  test("of the same bits is as expected", () => {
    expect(judge(answer, { threads: 2 }, "1f")).toEqual({ threads: 2 });
  });

  test("that differs is noticed", () => {
    const surprises = [
      judge(answer, { threads: 1 }, "1f"),
      judge(answer, { threads: 2 }, "2f"),
      judge({ ...answer, bits: ["1f", "1f", "2f"] }, { threads: 2 }, "1f"),
      judge({ ...answer, bits: [] }, { threads: 2 }, "1f"),
      judge({ ...answer, product: "[[19,22],[43,51]]" }, { threads: 2 }, "1f"),
      judge({ error: "KernelsError: no" }, { threads: 2 }, "1f"),
      judge(answer, { error: /KernelsError/ }, "1f"),
      judge({ error: "TypeError: no" }, { error: /KernelsError/ }, "1f"),
    ];
    for (const { surprise } of surprises) expect(surprise).toMatch(/./);
  });

  test("of the named error shows the part that is named", () => {
    expect(judge({ error: "at x\nKernelsError: no\n at y" }, { error: /KernelsError: \w+/ }, "1f")).toEqual({
      error: "KernelsError: no",
    });
  });
});
