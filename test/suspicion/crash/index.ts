/**
 * Runs that are killed, stopped or starved of resources: they resume to the same bytes, or report the
 * problem.
 * usage: npm run crash -- [--kills 50] [--seed 1] [--workers 50] [--only PART[,PART]]
 */
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { disks, interrupts, kills, type Report, twins } from "./runs.ts";
import { stalls, traps, workers } from "./workers.ts";

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "50" },
    workers: { type: "string", default: "50" },
    seed: { type: "string", default: "1" },
    only: { type: "string" },
  },
});
const [count, seed] = [Number(values.kills), Number(values.seed)];

/** Out of memory at every allocation. The test runner can replace the library's allocator. */
function memory(): Report {
  const vitest = join(dirname(createRequire(import.meta.url).resolve("vitest/package.json")), "vitest.mjs");
  const { status, stdout } = spawnSync(process.execPath, [vitest, "run", "test/unit/runtime/out_of_memory.test.ts"], {
    encoding: "utf8",
  });
  const allocations = Number(/failed at each of (\d+) allocations/.exec(stdout)?.[1] ?? 0);
  return { counts: { "allocations that failed": allocations }, failures: status === 0 ? [] : [stdout] };
}

const log = (line: string) => console.log(line);
const parts: [string, () => Promise<Report> | Report][] = [
  ["kills", () => kills(count, seed, log)],
  ["signals", interrupts],
  ["twins", () => twins(2)],
  ["disks", () => disks(log)],
  ["workers", () => workers(Number(values.workers), seed)],
  ["stalls", () => stalls(Number(values.workers), 2, seed)],
  ["traps", () => traps(Math.ceil(Number(values.workers) / 4), seed)],
  ["memory", memory],
];
const wanted = values.only?.split(",") ?? parts.map(([name]) => name);
const unknown = wanted.filter((name) => !parts.some(([part]) => part === name));
if (unknown.length > 0) {
  console.error(`crash: expected parts of ${parts.map(([name]) => name).join(", ")}, got ${unknown}`);
  process.exit(2);
}
for (const [name, run] of parts.filter(([part]) => wanted.includes(part))) {
  const { counts, failures } = await run();
  const shown = Object.entries(counts).map(([what, n]) => `${what} ${n}`);
  console.log(`${name}: ${shown.join(", ")}; ${failures.length} failed`);
  for (const failure of failures) console.error(`FAILED ${failure}`);
  if (failures.length > 0) process.exitCode = 1;
}
process.exit();
