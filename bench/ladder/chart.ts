/** Charts of a run: the rate of each rung as a bar, beside the ceiling. */
import { Drawing } from "../../scripts/drawings/svg.ts";
import type { Results } from "../lib/results.ts";
import { digits } from "../lib/table.ts";
import type { Row } from "./measure.ts";
import type { Ladder } from "./rung.ts";

export type LadderResults = Results<Row>;

/** "AMD EPYC, Node 20.20.2, one thread, 2026-01-31" */
export const originOf = ({ machine }: LadderResults) =>
  `${machine.cpu}, Node ${machine.node}, one thread, ${machine.date}`;

/** The rungs of one layer and pass. */
interface Climb {
  title: string;
  rows: Row[];
}

function climbOf({ rows }: LadderResults, op: string, layer: string, pass: string): Climb {
  const ofClimb = rows.filter((row) => row.op === op && row.layer === layer && row.pass === pass);
  if (ofClimb.length === 0) throw new Error(`no results of ${op}, ${layer}, ${pass}: npm run ladder measures them`);
  return { title: `${op} ${layer}, ${pass}`, rows: ofClimb };
}

/** The layers and passes that the summary of all ladders shows. */
const SUMMARY = [
  ["matmul", "512", "forward"],
  ["conv2d", "conv2", "forward"],
  ["conv2d", "conv2", "gradInput"],
  ["conv2d", "conv2", "gradWeight"],
  ["convTranspose2d", "convT1", "forward"],
] as const;

/** Bars of the rates, a group for each climb. */
export function chart(title: string, climbs: Climb[], unit: string, legend: string): Drawing {
  const [width, barHeight, left, right] = [680, 20, 190, 110];
  const most = Math.max(...climbs.flatMap(({ rows }) => rows.map((r) => Math.max(r.rate, r.rate / r.share))));
  const scale = (width - left - right) / most;
  const bars = climbs.reduce((sum, { rows }) => sum + rows.length, 0);
  const drawing = new Drawing(title, width, 10 + climbs.length * 36 + bars * barHeight + 44);
  let y = 10;
  for (const { title: name, rows } of climbs) {
    drawing.text(10, y + 14, name, { look: "bold small" });
    y += 22;
    const top = y;
    for (const { rate, rung, name: rungName, ships } of rows) {
      const length = rate * scale;
      drawing.bar(left, y, length, barHeight - 4, ships ? "ships" : "bar");
      drawing.text(left - 8, y + 13, `${rung} ${rungName}`, { anchor: "end", look: "small" });
      y += barHeight;
    }
    const ceiling = left + (rows[0].rate / rows[0].share) * scale;
    drawing.line(ceiling, top - 4, ceiling, y, { look: "ceiling" });
    rows.forEach(({ rate }, i) => {
      // beyond the ceiling's line, if the text would cross it
      const end = left + rate * scale + 6;
      const crosses = end < ceiling && end + 90 > ceiling;
      drawing.text(crosses ? ceiling + 6 : end, top + i * barHeight + 13, `${digits(rate)} ${unit}`, { look: "small" });
    });
    y += 14;
  }
  drawing.text(10, y + 16, legend, { look: "small faint" });
  return drawing;
}

const CEILINGS = {
  "GFLOP/s": "multiplications and additions in registers",
  "GB/s": "copying the same number of bytes",
};

/** The file of a ladder's chart, from the repository's root. */
export const chartFile = ({ op }: Pick<Ladder, "op">) => `docs/drawings/ladder_${op}.svg`;

/** All charts and their files: a summary, and for each ladder the forward pass on all layers. */
export function charts(results: LadderResults, ladders: Ladder[]): [file: string, chart: Drawing][] {
  const legendOf = (unit: Ladder["unit"]) => [
    `Blue: in the library. Grey: only in the ladder. Dashed: the ceiling, ${CEILINGS[unit]}.`,
    originOf(results),
  ];
  const drawn = (title: string, climbs: Climb[], unit: Ladder["unit"]) => {
    const [legend, origin] = legendOf(unit);
    const drawing = chart(title, climbs, unit, legend);
    drawing.text(10, drawing.height - 12, origin, { look: "small faint" });
    return drawing;
  };
  const summary = SUMMARY.map(([op, layer, pass]) => climbOf(results, op, layer, pass));
  return [
    ["docs/ladder.svg", drawn("GFLOP/s of each rung of three ladders, beside the ceiling", summary, "GFLOP/s")],
    ...ladders.map((ladder): [string, Drawing] => {
      const climbs = ladder.layers.map(({ name }) => climbOf(results, ladder.op, name, "forward"));
      return [chartFile(ladder), drawn(`${ladder.unit} of each rung of ${ladder.op}`, climbs, ladder.unit)];
    }),
  ];
}
