/**
 * Random cases against float64 references, in any number.
 * usage: npm run fuzz -- [--seed 1] [--count 1000] [--only KIND[,KIND]] [--case INDEX] [--seconds N per kind]
 * [--high]
 * --high: first takes 2 GiB of addresses, so that all others are above 2^31. A case that takes longer than
 * two minutes ends the run.
 */
import { parseArgs } from "node:util";
import { describeFailure, runKind } from "./campaign.ts";
import { takeLowMemory } from "./high.ts";
import { kinds } from "./kinds.ts";
import { startWatchdog } from "./watchdog.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    count: { type: "string", default: "1000" },
    only: { type: "string" },
    case: { type: "string" },
    seconds: { type: "string", default: "Infinity" },
    high: { type: "boolean", default: false },
  },
});
const [seed, count] = [Number(values.seed), Number(values.count)];
const wanted = values.only?.split(",") ?? kinds.map(({ name }) => name);
const unknown = wanted.filter((name) => !kinds.some((kind) => kind.name === name));
if (unknown.length > 0 || !Number.isInteger(seed) || !(count > 0)) {
  console.error(`fuzz: expected kinds of ${kinds.map(({ name }) => name).join(", ")}, and integers`);
  process.exit(2);
}
if (values.high) takeLowMemory();
const onCase = startWatchdog(seed, 120);
let failed = 0;
for (const kind of kinds.filter(({ name }) => wanted.includes(name))) {
  const start = performance.now();
  const { counts, failures } = values.case
    ? await runKind(kind, seed, 1, { first: Number(values.case), onCase })
    : await runKind(kind, seed, count, { limit: 1000 * Number(values.seconds), onCase });
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  const total = [...counts.values()].reduce((a, b) => a + b, 0);
  console.log(`${kind.name}: ${total} cases in ${seconds} s, ${failures.length} failed, seed ${seed}`);
  const names = [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
  console.log(`  ${names.map(([name, n]) => `${name} ${n}`).join(", ")}`);
  for (const failure of failures) console.error(describeFailure(failure));
  failed += failures.length;
}
process.exitCode = failed > 0 ? 1 : 0;
