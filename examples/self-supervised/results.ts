/** The results of runs, as rows of text: for the report and for RESULTS.md. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "wasmgrad/train";

/** A run's configuration and results. */
export interface RecordedRun {
  experiment: string;
  config: Config;
  results: Record<string, number>;
  /** Model summaries, predicted words. */
  texts?: string[];
}

/** The same with its folder, which holds its pictures and texts. */
export interface FinishedRun extends RecordedRun {
  folder: string;
}

/** All finished runs below `root`. */
export function readRuns(root: string): FinishedRun[] {
  return readdirSync(root)
    .sort()
    .map((name) => join(root, name))
    .filter((folder) => ["config.json", "results.json"].every((file) => existsSync(join(folder, file))))
    .map((folder) => {
      const read = (file: string) => JSON.parse(readFileSync(join(folder, file), "utf8"));
      return { folder, ...read("config.json"), results: read("results.json") };
    });
}

/** The texts of a run: model summaries, predicted words. */
export function textsOf(folder: string): string[] {
  const files = readdirSync(folder).filter((file) => file.endsWith(".txt") || file === "guesses.json");
  return files.sort().map((file) => {
    const text = readFileSync(join(folder, file), "utf8").trimEnd();
    if (!file.endsWith(".json")) return text;
    const guesses = Object.entries(JSON.parse(text) as Record<string, [string, number][]>);
    return guesses
      .map(([prompt, words]) => `${prompt}  ${words.map(([word, p]) => `${word} (${p.toFixed(3)})`).join(", ")}`)
      .join("\n");
  });
}

export const number = (value: number) =>
  Number.isInteger(value) ? value.toLocaleString("en-US") : `${Number(value.toPrecision(4))}`;

/** Groups the runs that differ only in their seed. */
export function bySeed(runs: readonly RecordedRun[]): RecordedRun[][] {
  const groups = new Map<string, RecordedRun[]>();
  for (const run of runs) {
    const { seed: _, encoder, ...rest } = run.config;
    // encoders of different seeds are in different folders
    const key = JSON.stringify({
      ...rest,
      ...(encoder !== undefined && { encoder: String(encoder).replace(/seed=\d+\+/, "") }),
    });
    groups.set(key, [...(groups.get(key) ?? []), run]);
  }
  return [...groups.values()].map((group) => group.sort((a, b) => Number(a.config.seed) - Number(b.config.seed)));
}

/** "0.71 ± 0.02": mean and standard deviation over seeds. */
export function spread(values: number[], format = number): string {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  if (values.length < 2) return format(mean);
  const deviation = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) * (v - mean), 0) / (values.length - 1));
  return deviation === 0 ? format(mean) : `${format(mean)} ± ${format(deviation)}`;
}

/** Mean and deviation of a number over the runs of a group; empty where it is not among their results. */
function cell(group: readonly RecordedRun[], name: string): string {
  const values = group.flatMap(({ results }) => (name in results ? [results[name]] : []));
  return values.length > 0 ? spread(values) : "";
}

/**
 * An experiment's groups side by side, one number per row; where numbers are named "row_column" (as in the
 * ablation), one table per group.
 */
export function resultTables(groups: readonly RecordedRun[][], label: (group: RecordedRun[]) => string): string[][][] {
  const names = [...new Set(groups.flatMap((group) => group.flatMap(({ results }) => Object.keys(results))))];
  if (!names.every((name) => name.includes("_"))) {
    return [[["", ...groups.map(label)], ...names.map((name) => [name, ...groups.map((group) => cell(group, name))])]];
  }
  const [rows, columns] = [0, 1].map((part) => [...new Set(names.map((name) => name.split("_")[part]))]);
  return groups.map((group) => [
    [label(group), ...columns],
    ...rows.map((row) => [row, ...columns.map((column) => cell(group, `${row}_${column}`))]),
  ]);
}

/** An option on the command line. */
export const kebab = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** The options of a group that differ from the experiment's defaults, as typed, and its seeds. */
export function label(group: readonly RecordedRun[], defaults: Config): string {
  const changed = Object.entries(group[0].config).filter(
    ([name, value]) => name !== "seed" && value !== defaults[name],
  );
  const seeds = group.map(({ config }) => config.seed).join(", ");
  const options = changed.map(([name, value]) => `--${kebab(name)} ${value}`).join(" ");
  return `${options || "defaults"}, seed ${seeds}`;
}
