/** Writes the tables of the docs from bench/results. usage: npm run bench:report */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { resultsFolder, root } from "../lib/results.ts";
import { fillIn } from "./markdown.ts";
import { tablesOf } from "./tables.ts";

/** The documents that contain such tables. */
export const DOCS = ["README.md", "docs/benchmarks.md", "docs/platforms.md", "docs/distributed.md", "bench/README.md"];

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const tables = tablesOf(resultsFolder);
  for (const name of DOCS) {
    const path = join(root, name);
    const text = readFileSync(path, "utf8");
    writeFileSync(path, fillIn(text, tables));
    console.log(`${name}: written`);
  }
}
