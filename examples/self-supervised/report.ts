/** One HTML page of all runs: tables, curves, pictures. usage: npm run report -- [folder [file]] */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "wasmgrad/train";
import { experiments } from "./experiments.ts";

interface FinishedRun {
  folder: string;
  experiment: string;
  config: Config;
  results: Record<string, number>;
}

function readRuns(root: string): FinishedRun[] {
  return readdirSync(root)
    .sort()
    .map((name) => join(root, name))
    .filter((folder) => ["config.json", "results.json"].every((file) => existsSync(join(folder, file))))
    .map((folder) => {
      const read = (file: string) => JSON.parse(readFileSync(join(folder, file), "utf8"));
      return { folder, ...read("config.json"), results: read("results.json") };
    });
}

const escaped = (text: string) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
const number = (value: number) =>
  Number.isInteger(value) ? value.toLocaleString("en-US") : `${Number(value.toPrecision(4))}`;

/** Runs that differ in their seed only, together. */
function bySeed(runs: readonly FinishedRun[]): FinishedRun[][] {
  const groups = new Map<string, FinishedRun[]>();
  for (const run of runs) {
    const { seed: _, encoder, ...rest } = run.config;
    // encoders of different seeds lie in different folders
    const key = JSON.stringify({
      ...rest,
      ...(encoder !== undefined && { encoder: String(encoder).replace(/seed=\d+\+/, "") }),
    });
    groups.set(key, [...(groups.get(key) ?? []), run]);
  }
  return [...groups.values()];
}

/** "0.71 ± 0.02": mean and standard deviation over seeds. */
function spread(values: number[]): string {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  if (values.length < 2) return number(mean);
  const deviation = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) * (v - mean), 0) / (values.length - 1));
  return deviation === 0 ? number(mean) : `${number(mean)} ± ${number(deviation)}`;
}

function table(rows: readonly (readonly string[])[]): string {
  const [head, ...body] = rows.map((row) => row.map(escaped));
  const line = (cells: string[], tag: string) => `<tr>${cells.map((cell) => `<${tag}>${cell}</${tag}>`).join("")}</tr>`;
  return `<table>${line(head, "th")}${body.map((row) => line(row, "td")).join("\n")}</table>`;
}

/** Results named "row_column" (as in the ablation) become a table of their own. */
function resultTable(groups: readonly FinishedRun[][], defaults: Config): string {
  const names = [...new Set(groups.flatMap((group) => group.flatMap(({ results }) => Object.keys(results))))];
  const cell = (group: FinishedRun[], name: string) => {
    const values = group.flatMap(({ results }) => (name in results ? [results[name]] : []));
    return values.length > 0 ? spread(values) : "";
  };
  if (names.every((name) => name.includes("_"))) {
    const rows = [...new Set(names.map((name) => name.split("_")[0]))];
    const columns = [...new Set(names.map((name) => name.split("_")[1]))];
    const one = (group: FinishedRun[]) =>
      `<p>${escaped(label(group, defaults))}</p>${table([["", ...columns], ...rows.map((row) => [row, ...columns.map((column) => cell(group, `${row}_${column}`))])])}`;
    return groups.map(one).join("\n");
  }
  const lines = groups.map((group) => [label(group, defaults), ...names.map((name) => cell(group, name))]);
  return table([["options", ...names], ...lines]);
}

/** What differs from the defaults, and the number of seeds. */
function label(group: readonly FinishedRun[], defaults: Config): string {
  const changed = Object.entries(group[0].config).filter(
    ([name, value]) => name !== "seed" && value !== defaults[name],
  );
  const seeds = group.map(({ config }) => config.seed).join(", ");
  return [...changed.map(([name, value]) => `${name} ${value}`), `seed ${seeds}`].join("; ");
}

function pictures({ folder }: FinishedRun): string {
  const files = readdirSync(folder)
    .filter((file) => file.endsWith(".png"))
    .sort();
  const one = (file: string) => {
    const bytes = readFileSync(join(folder, file)).toString("base64");
    return `<figure><img src="data:image/png;base64,${bytes}" alt="${escaped(file)}"><figcaption>${escaped(file.replace(/\.png$/, ""))}</figcaption></figure>`;
  };
  return files.map(one).join("\n");
}

/** Texts that a run left: model summaries, guessed words. */
function texts({ folder }: FinishedRun): string {
  const files = readdirSync(folder).filter((file) => file.endsWith(".txt") || file === "guesses.json");
  const content = (file: string) => {
    const text = readFileSync(join(folder, file), "utf8");
    if (!file.endsWith(".json")) return text;
    const guesses = Object.entries(JSON.parse(text) as Record<string, [string, number][]>);
    return guesses
      .map(([prompt, words]) => `${prompt}  ${words.map(([word, p]) => `${word} (${p.toFixed(3)})`).join(", ")}`)
      .join("\n");
  };
  return files.map((file) => `<pre>${escaped(content(file))}</pre>`).join("\n");
}

const STYLE = `body{font:15px/1.5 system-ui,sans-serif;max-width:1200px;margin:2rem auto;padding:0 1rem;color:#22262e}
table{border-collapse:collapse;font-size:13px;display:block;overflow-x:auto}td,th{border:1px solid #d5d8dc;padding:2px 8px;text-align:right}
td:first-child,th:first-child{text-align:left}figure{display:inline-block;margin:8px}img{max-width:560px;height:auto;image-rendering:pixelated}
figcaption{font-size:12px;color:#667}pre{font-size:12px;overflow-x:auto;background:#f5f6f8;padding:8px}`;

/** Writes the page of all finished runs below `root`. */
export function writeReport(root: string, path: string): void {
  const runs = readRuns(root);
  const sections = experiments.flatMap(({ name, about, defaults }) => {
    const own = runs.filter(({ experiment }) => experiment === name);
    if (own.length === 0) return [];
    const details = own.map(
      (run) => `<details><summary>${escaped(run.folder)}</summary>${texts(run)}${pictures(run)}</details>`,
    );
    return [`<h2>${name}</h2><p>${escaped(about)}</p>${resultTable(bySeed(own), defaults)}${details.join("\n")}`];
  });
  const page = `<!doctype html><html lang="en"><meta charset="utf-8"><title>wasmgrad: self-supervised learning</title>
<style>${STYLE}</style><h1>Self-supervised learning on CIFAR-10</h1><p>${runs.length} runs. Numbers are means over seeds, with their standard deviation.</p>
${sections.join("\n")}</html>\n`;
  writeFileSync(path, page);
}

if (process.argv[1]?.endsWith("report.ts")) {
  const [root = "runs", path = join(root, "report.html")] = process.argv.slice(2);
  writeReport(root, path);
  console.log(path);
}
