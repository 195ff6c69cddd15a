// The runs of a sweep, the best first: node examples/distributed/best.mjs runs/sweep-NUMBER
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const folder = process.argv[2];
const results = readdirSync(folder)
  .map((name) => ({ name, file: join(folder, name, "results.json") }))
  .filter(({ file }) => existsSync(file))
  .map(({ name, file }) => ({ name, ...JSON.parse(readFileSync(file, "utf8")) }));
console.table(results.sort((a, b) => a.loss - b.loss));
