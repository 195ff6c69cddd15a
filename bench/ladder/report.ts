/** Writes the results of a run: tables in the READMEs, bench/results/ladder.json, docs/ladder.svg. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Results, readResults, resultsFolder, root } from "../lib/results.ts";
import { digits, printTable } from "../lib/table.ts";
import { markdownTable } from "../report/markdown.ts";
import type { Row } from "./measure.ts";
import type { Ladder } from "./rung.ts";

export type LadderResults = Results<Row>;

export const readmeOf = ({ readme }: Pick<Ladder, "readme">) => join(root, "assembly", readme);

export const pictureFile = join(root, "docs/ladder.svg");

export function readLadderResults(): LadderResults {
  const results = readResults<Row>(resultsFolder, "ladder");
  if (!results) throw new Error("bench/results/ladder.json is missing: npm run ladder writes it");
  return results;
}

/** "AMD EPYC, Node 20.20.2, one thread, 2026-01-31" */
const originOf = ({ machine }: LadderResults) => `${machine.cpu}, Node ${machine.node}, one thread, ${machine.date}`;

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

/** Writes the picture and the tables. */
export function writeReport(results: LadderResults, ladders: Ladder[]): void {
  writeFileSync(pictureFile, picture(results));
  for (const ladder of ladders) {
    const readme = readmeOf(ladder);
    writeFileSync(readme, withTable(readFileSync(readme, "utf8"), results, ladder));
  }
}

/** The layers and passes that the picture shows. */
const CLIMBS: [op: string, layer: string, pass: string][] = [
  ["matmul", "512", "forward"],
  ["conv2d", "conv2", "forward"],
  ["conv2d", "conv2", "gradInput"],
  ["conv2d", "conv2", "gradWeight"],
  ["conv_transpose2d", "convT1", "forward"],
];

/** Bars of GFLOP/s, one group for each layer and pass. */
export function picture(results: LadderResults): string {
  const [width, barHeight, left, right] = [760, 18, 200, 110];
  const climbs = CLIMBS.map(([op, layer, pass]) => ({
    title: `${op} ${layer}, ${pass}`,
    rows: rowsOf(results, op).filter((r) => r.layer === layer && r.pass === pass),
  }));
  const most = Math.max(...climbs.flatMap(({ rows }) => rows.map((r) => Math.max(r.rate, r.rate / r.share))));
  const scale = (width - left - right) / most;
  const parts: string[] = [];
  let y = 10;
  for (const { title, rows } of climbs) {
    parts.push(`<text x="8" y="${y + 14}" class="title">${title}</text>`);
    y += 22;
    const [{ rate, share }] = rows;
    const ceiling = (left + (rate / share) * scale).toFixed(1);
    const bottom = y + rows.length * barHeight;
    const labels: string[] = [];
    for (const row of rows) {
      const length = row.rate * scale;
      const bar = `x="${left}" y="${y}" width="${length.toFixed(1)}" height="${barHeight - 3}"`;
      parts.push(`<rect ${bar} class="${row.ships ? "ships" : "rung"}"/>`);
      labels.push(`<text x="${left - 8}" y="${y + 13}" text-anchor="end">${row.rung} ${row.name}</text>`);
      labels.push(`<text x="${(left + length + 6).toFixed(1)}" y="${y + 13}">${digits(row.rate)} GFLOP/s</text>`);
      y += barHeight;
    }
    const top = bottom - rows.length * barHeight - 4;
    parts.push(`<line x1="${ceiling}" x2="${ceiling}" y1="${top}" y2="${bottom}" class="ceiling"/>`, ...labels);
    y += 12;
  }
  const style =
    "text{font:12px sans-serif;fill:#333;paint-order:stroke;stroke:#fff;stroke-width:3px}.title{font-weight:bold}.rung{fill:#9db4c8}.ships{fill:#2a6f97}.ceiling{stroke:#c1121f;stroke-dasharray:4 3}";
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${y + 38}" viewBox="0 0 ${width} ${y + 38}">`,
    "<title>GFLOP/s of each rung of matmul, conv2d and conv_transpose2d, beside the ceiling</title>",
    `<style>${style}</style><rect width="100%" height="100%" fill="#fff"/>`,
    ...parts,
    `<text x="8" y="${y + 12}">Dark: what ships. Dashed: the ceiling, multiplications and additions that never leave the registers.</text>`,
    `<text x="8" y="${y + 28}">${originOf(results)}</text>`,
    "</svg>\n",
  ].join("\n");
}
