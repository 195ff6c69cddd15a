/** One HTML page of all runs: tables, curves, pictures. usage: npm run report -- [folder [file]] */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { experiments } from "./experiments.ts";
import { bySeed, type FinishedRun, label, readRuns, resultTables, textsOf } from "./results.ts";

const escaped = (text: string) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
function table(rows: readonly (readonly string[])[]): string {
  const [head, ...body] = rows.map((row) => row.map(escaped));
  const line = (cells: string[], tag: string) => `<tr>${cells.map((cell) => `<${tag}>${cell}</${tag}>`).join("")}</tr>`;
  return `<table>${line(head, "th")}${body.map((row) => line(row, "td")).join("\n")}</table>`;
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
      (run) =>
        `<details><summary>${escaped(run.folder)}</summary>${textsOf(run.folder)
          .map((text) => `<pre>${escaped(text)}</pre>`)
          .join("")}${pictures(run)}</details>`,
    );
    const tables = resultTables(bySeed(own), (group) => label(group, defaults)).map(table);
    return [`<h2>${name}</h2><p>${escaped(about)}</p>${[...tables, ...details].join("\n")}`];
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
