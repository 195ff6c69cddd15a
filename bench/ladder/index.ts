/**
 * Climbs the ladders: checks every rung against the naive one, then times them alternately.
 * usage: npm run ladder -- [matmul|conv2d|…] [--layer conv2] [--pass forward] [--rung 5] [--rounds 7]
 *
 * A whole run, with the usual number of rounds, writes bench/results/ladder.json, docs/ladder.svg and the
 * tables of the READMEs in assembly/.
 */
import { parseArgs } from "node:util";
import { scope, setNumThreads } from "wasmgrad";
import { Ceiling } from "../lib/ceiling.ts";
import { compileCeiling } from "../lib/compile_ceiling.ts";
import { resultsFolder, writeResults } from "../lib/results.ts";
import { useLadderBuild } from "./build.ts";
import { ladders } from "./ladders.ts";
import { measureLayer, type Row } from "./measure.ts";
import { printRows, readLadderResults, writeReport } from "./report.ts";

/** Rounds of the recorded run; each rung runs once per round. */
const ROUNDS = 7;

const options = {
  layer: { type: "string" },
  pass: { type: "string" },
  rung: { type: "string" },
  rounds: { type: "string", default: String(ROUNDS) },
} as const;
const { values, positionals } = parseArgs({ options, allowPositionals: true });
const rounds = Number(values.rounds);

function refuse(what: string, known: Iterable<string | number>): never {
  console.error(`${what}; there are: ${[...known].join(", ")}`);
  process.exit(1);
}

const ops = ladders.map(({ op }) => op);
for (const op of positionals) if (!ops.includes(op)) refuse(`no ladder "${op}"`, ops);
if (!Number.isInteger(rounds) || rounds < 1) refuse(`--rounds ${values.rounds}`, ["1", "2", "…"]);
const chosen = ladders.filter(({ op }) => positionals.length === 0 || positionals.includes(op));

/** The items of a list that an option selects, or all of them. */
function only<T>(list: T[], what: string, wanted: string | undefined, nameOf: (item: T) => string): T[] {
  if (wanted === undefined) return list;
  const found = list.filter((item) => nameOf(item) === wanted);
  return found.length > 0 ? found : refuse(`no ${what} "${wanted}"`, list.map(nameOf));
}

setNumThreads(1);
useLadderBuild("release");
const ceiling = new Ceiling(await compileCeiling("baseline"));
/** Milliseconds that each rung runs in a round. */
const TURN = 50;
const rows = chosen.flatMap((ladder) => {
  const layers = only(ladder.layers, "layer", values.layer, ({ name }) => name);
  const passes = only(Object.keys(ladder.passes), "pass", values.pass, (name) => name);
  only(ladder.rungs, "rung", values.rung, ({ number }) => String(number));
  // a rung is compared with the one before it
  const rungs = ladder.rungs.filter(({ number }) => !values.rung || [0, 1].includes(Number(values.rung) - number));
  const plan = { rounds, time: TURN };
  const measured = layers.flatMap((layer): Row[] =>
    scope(() => measureLayer(ladder, layer, { rungs, passes }, ceiling, plan)),
  );
  printRows(ladder.op, ladder.unit, measured);
  return measured;
});

const narrowed = [values.layer, values.pass, values.rung, ...positionals].some((value) => value !== undefined);
if (!narrowed && rounds === ROUNDS) {
  writeResults(resultsFolder, "ladder", { rounds, turnMs: TURN }, rows);
  writeReport(readLadderResults(), ladders);
  console.log("\nwritten: bench/results/ladder.json, docs/ladder.svg, the tables in assembly/*/README.md");
}
