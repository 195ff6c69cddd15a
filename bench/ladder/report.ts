/** What a run leaves: tables in the READMEs, bench/results/ladder.json and a picture. */
import { readFileSync, writeFileSync } from "node:fs";
import type { Row } from "./measure.ts";
import type { Ladder } from "./rung.ts";

export interface Results {
  machine: string;
  node: string;
  date: string;
  rounds: number;
  /** Ladders in order; `ceiling` in their unit, of the last layer measured. */
  ladders: { op: string; unit: string; rows: Row[] }[];
}

export const resultsFile = new URL("../results/ladder.json", import.meta.url);
export const readmeOf = (folder: string) => new URL(`../../assembly/${folder}/README.md`, import.meta.url);

export function readResults(): Results {
  return JSON.parse(readFileSync(resultsFile, "utf8"));
}

/** Three digits. */
function digits(value: number): string {
  return value >= 100
    ? value.toFixed(0)
    : value >= 10
      ? value.toFixed(1)
      : value >= 1
        ? value.toFixed(2)
        : value.toFixed(3);
}

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

/** For a terminal. */
export function plainTable(unit: string, rows: Row[]): string {
  const lines = [columns(unit), ...rows.map(cells)];
  const widths = columns(unit).map((_, i) => Math.max(...lines.map((line) => line[i].length)));
  return lines
    .map((line) => line.map((cell, i) => (i < 3 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join("  "))
    .join("\n");
}

/** For a README. */
export function markdownTable(unit: string, rows: Row[]): string {
  const line = (parts: string[]) => `| ${parts.join(" | ")} |`;
  return [
    line(columns(unit)),
    `|${columns(unit)
      .map((_, i) => (i < 3 ? "---" : "---:"))
      .join("|")}|`,
    ...rows.map((row) => line(cells(row))),
  ].join("\n");
}

const BEGIN = "<!-- table: npm run ladder -->";
const END = "<!-- end of table -->";

/** The README with this table between its markers. */
export function withTable(readme: string, results: Results, op: string): string {
  const { unit, rows } = results.ladders.find((ladder) => ladder.op === op)!;
  const [before, rest] = readme.split(BEGIN);
  const after = rest?.split(END)[1];
  if (after === undefined) throw new Error(`${op}: its README has no place for a table (${BEGIN} … ${END})`);
  const caption = `${results.machine}, Node ${results.node}, one thread, ${results.date}; medians of ${results.rounds} rounds in turns.`;
  return `${before}${BEGIN}\n${markdownTable(unit, rows)}\n\n${caption}\n${END}${after}`;
}

export function writeReport(results: Results, ladders: Ladder[]): void {
  writeFileSync(resultsFile, `${JSON.stringify(results, null, 1)}\n`);
  writeFileSync(new URL("../results/ladder.svg", import.meta.url), picture(results));
  for (const { op, folder } of ladders) {
    const readme = readmeOf(folder);
    writeFileSync(readme, withTable(readFileSync(readme, "utf8"), results, op));
  }
}

/** What the picture shows: the climbs of the layers that the ladders are about. */
const CLIMBS: [op: string, layer: string, pass: string][] = [
  ["matmul", "512", "forward"],
  ["conv2d", "conv2", "forward"],
  ["conv2d", "conv2", "gradInput"],
  ["conv2d", "conv2", "gradWeight"],
  ["conv_transpose2d", "convT1", "forward"],
];

/** Bars of GFLOP/s, a group for each climb. */
export function picture(results: Results): string {
  const [width, barHeight, left, right] = [760, 18, 200, 110];
  const climbs = CLIMBS.map(([op, layer, pass]) => ({
    title: `${op} ${layer}, ${pass}`,
    rows: results.ladders.find((l) => l.op === op)!.rows.filter((r) => r.layer === layer && r.pass === pass),
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
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${y + 22}" viewBox="0 0 ${width} ${y + 22}">`,
    "<title>GFLOP/s of each rung of matmul, conv2d and conv_transpose2d, beside the ceiling</title>",
    `<style>${style}</style><rect width="100%" height="100%" fill="#fff"/>`,
    ...parts,
    `<text x="8" y="${y + 12}">Dark: what ships. Dashed: the ceiling, multiplications and additions that never leave the registers.</text>`,
    "</svg>\n",
  ].join("\n");
}
