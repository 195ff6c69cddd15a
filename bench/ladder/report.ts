/** Writes the results of a run: tables in the READMEs, and charts. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readResults, resultsFolder, root } from "../lib/results.ts";
import { digits, printTable } from "../lib/table.ts";
import { markdownTable } from "../report/markdown.ts";
import { charts, type LadderResults, originOf } from "./chart.ts";
import type { Row } from "./measure.ts";
import type { Ladder } from "./rung.ts";

export const readmeOf = ({ readme }: Pick<Ladder, "readme">) => join(root, "assembly", readme);

export function readLadderResults(): LadderResults {
  const results = readResults<Row>(resultsFolder, "ladder");
  if (!results) throw new Error("bench/results/ladder.json is missing: npm run ladder writes it");
  return results;
}

const rowsOf = (results: LadderResults, op: string) => results.rows.filter((row) => row.op === op);

const columns = (unit: string) => [
  "layer",
  "pass",
  "rung",
  "ms",
  unit,
  "of ceiling",
  "faster than the rung before",
  "error",
];

function cells(row: Row): string[] {
  return [
    row.layer,
    row.pass,
    `${row.rung} ${row.name}`,
    digits(row.milliseconds),
    digits(row.rate),
    `${(100 * row.share).toFixed(row.share < 0.1 ? 1 : 0)} %`,
    row.speedup === null ? "" : `${digits(row.speedup)} x`,
    row.error === 0 ? "0" : row.error.toExponential(0),
  ];
}

/** The number of text columns before the numbers. */
const TEXTS = 3;

/** Prints rows on the terminal. */
export function printRows(title: string, unit: string, rows: Row[]): void {
  printTable(title, columns(unit), rows.map(cells), TEXTS);
}

const BEGIN = "<!-- table: npm run ladder -->";
const END = "<!-- end of table -->";

/** The README of a ladder, with its table between the markers. */
export function withTable(readme: string, results: LadderResults, { op, unit }: Pick<Ladder, "op" | "unit">): string {
  const [before, rest] = readme.split(BEGIN);
  const after = rest?.split(END)[1];
  if (after === undefined) throw new Error(`${op}: its README has no place for a table (${BEGIN} … ${END})`);
  const caption = `${originOf(results)}; medians of ${results.settings.rounds} alternating rounds.`;
  return `${before}${BEGIN}\n${markdownTable(columns(unit), rowsOf(results, op).map(cells), TEXTS)}\n\n${caption}\n${END}${after}`;
}

/** Writes the charts and the tables. */
export function writeReport(results: LadderResults, ladders: Ladder[]): void {
  for (const [file, drawing] of charts(results, ladders)) writeFileSync(join(root, file), drawing.toString());
  for (const ladder of ladders) {
    const readme = readmeOf(ladder);
    writeFileSync(readme, withTable(readFileSync(readme, "utf8"), results, ladder));
  }
}
