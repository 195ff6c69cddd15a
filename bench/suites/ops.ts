import { scope } from "wasmgrad";
import { type Rate, rateOf } from "../lib/rate.ts";
import type { Context, Suite } from "../lib/suite.ts";
import { digits, percent, printTable } from "../lib/table.ts";
import { timedOps } from "./op_cases.ts";

export interface OpRow extends Rate {
  op: string;
  shape: string;
}

async function run(context: Context): Promise<void> {
  const ceiling = await context.ceiling();
  const rows: OpRow[] = timedOps.map(({ op, shape, make }) =>
    scope(() => {
      const { run, work } = make();
      return { op, shape, ...rateOf(run, work, ceiling, context) };
    }),
  );
  printTable(
    "Operations",
    ["", "ms", "rate", "", "of the ceiling"],
    rows.map(({ op, shape, ms, rate, unit, share }) => [
      `${op} ${shape}`,
      digits(ms),
      digits(rate),
      unit,
      percent(share.median),
    ]),
  );
  context.save("ops", rows);
}

export const ops: Suite = { name: "ops", about: "primitive operations", run };
