/**
 * Installs Deno and Bun in build/runtimes and runs scripts/stress.mjs in both.
 * usage: tsx scripts/stress_runtimes.ts [runs]
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const runs = process.argv[2] ?? "15";
const folder = join("build", "runtimes");
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true }));
/** Ends a run that hangs with an error: installing and running take seconds. */
const LIMIT_MS = 300_000;
const run = (command: string, args: string[]) => execFileSync(command, args, { stdio: "inherit", timeout: LIMIT_MS });
run("npm", ["install", "--prefix", folder, "--no-audit", "--no-fund", "deno@2", "bun@1"]);
for (const [name, ...args] of [["deno", "run", "-A"], ["bun"]]) {
  console.log(`${name}:`);
  run(join(folder, "node_modules", ".bin", name), [...args, "scripts/stress.mjs", runs]);
}
