/** Runs the jobs of test/support/distributed/endings.ts, and writes the table of docs/distributed.md. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ENDINGS, type Ending, type MeasuredEnding, measureEnding } from "../../test/support/distributed/endings.ts";
import { MPIS, type Mpi, mpiMissing } from "../../test/support/distributed/job.ts";

const PAGE = join(import.meta.dirname, "../../docs/distributed.md");
const MARKED = /(<!-- endings -->\n).*?(<!-- \/endings -->)/s;

for (const mpi of MPIS) {
  const missing = mpiMissing(mpi);
  if (missing) throw new Error(missing);
}

const seconds = (ms: number) => (ms < 100 ? "at once" : `${(ms / 1000).toFixed(1)} s`);

/** What the ending's user reads: the part of the output that the test looks for. */
function textOf({ says, saves }: Ending, mpi: Mpi, { errors, stopped }: MeasuredEnding): string {
  if (saves) return `all ranks stopped after step ${[...new Set(stopped)].join(", ")}, and rank 0 saved`;
  const found = (says instanceof RegExp ? says : says?.[mpi])?.exec(errors)?.[0];
  return found ? `\`${found}\`` : "";
}

const rows: string[] = [];
for (const ending of ENDINGS) {
  const cells: string[] = [];
  let text = "";
  for (const mpi of MPIS) {
    const end = await measureEnding(mpi, ending);
    if (end.hung || end.left.length > 0) throw new Error(`${mpi}, ${ending.name}: ${end.left} are left`);
    cells.push(String(end.code), ending.env ? "at the start" : seconds(end.milliseconds));
    text ||= textOf(ending, mpi, end);
  }
  rows.push(`| ${ending.name} | ${cells.join(" | ")} | ${text.replaceAll("|", "\\|")} |`);
  console.log(rows.at(-1));
}
const head = "| rank 1 … | Open MPI | after | MPICH | after | what is printed |\n|---|---:|---:|---:|---:|---|";
const text = readFileSync(PAGE, "utf8");
if (!MARKED.test(text)) throw new Error(`${PAGE}: no place for the table`);
writeFileSync(PAGE, text.replace(MARKED, `$1\n${head}\n${rows.join("\n")}\n\n$2`));
