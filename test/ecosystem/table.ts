/** The tables of docs/ecosystem.md, from the recorded results. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { markdownTable } from "../../bench/report/markdown.ts";
import { GROUPS } from "./cases/index.ts";
import type { Row } from "./run.ts";

export interface Results {
  /** Date, and the versions of Node and of the browsers. */
  recorded: string;
  node: string;
  browsers: string[];
  rows: Row[];
}

export const RESULTS = join(import.meta.dirname, "results.json");
export const PAGE = join(import.meta.dirname, "../../docs/ecosystem.md");

const MARKED = /(?<=<!-- ecosystem -->\n).*(?=<!-- \/ecosystem -->)/s;

/** Text in a cell: a bar would end it, and a line break the table. */
const cell = (text: string) => text.replaceAll("|", "\\|").replaceAll(/\s+/g, " ");

function resultOf({ error, surprise }: Row): string {
  if (surprise !== undefined) return `**not as expected**: ${cell(surprise.slice(0, 200))}`;
  return error === undefined ? "same bits" : `\`${cell(error)}\``;
}

function tables({ recorded, node, browsers, rows }: Results): string {
  const parts = [`Recorded on ${recorded}, with Node ${node}, ${browsers.join(", ")}.`];
  for (const [heading, cases] of Object.entries(GROUPS)) {
    const names = cases.map(({ name }) => name);
    const lines = rows
      .filter(({ name }) => names.includes(name))
      .map((row) => [row.tool, cell(row.what), resultOf(row), String(row.threads ?? ""), cell(row.needs)]);
    parts.push(`## ${heading}`, markdownTable(["tool", "where", "result", "threads", "what it needs"], lines, 5));
  }
  return `\n${parts.join("\n\n")}\n\n`;
}

/** The page with the tables of the results. */
export function pageWith(results: Results, page: string): string {
  if (!MARKED.test(page)) throw new Error("docs/ecosystem.md: expected <!-- ecosystem --> and <!-- /ecosystem -->");
  return page.replace(MARKED, () => tables(results));
}

export const readResults = (): Results => JSON.parse(readFileSync(RESULTS, "utf8"));

/** Records a run, beside the rows of the cases that it did not run, and writes the page. */
export function record(run: Results): void {
  const ran = new Set(run.rows.map(({ name }) => name));
  const before = readResults().rows.filter(({ name }) => !ran.has(name));
  const order = Object.values(GROUPS)
    .flat()
    .map(({ name }) => name);
  const rows = [...run.rows, ...before].filter(({ name }) => order.includes(name));
  rows.sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
  const results = { ...run, rows };
  writeFileSync(RESULTS, `${JSON.stringify(results, null, 2)}\n`);
  writeFileSync(PAGE, pageWith(results, readFileSync(PAGE, "utf8")));
}
