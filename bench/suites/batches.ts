import { getNumThreads, scope, setNumThreads } from "wasmgrad";
import { alternate } from "../lib/measure.ts";
import { median, type Ratio, ratioOfRounds } from "../lib/statistics.ts";
import type { Context, Suite } from "../lib/suite.ts";
import { digits, printTable } from "../lib/table.ts";
import { trainStep } from "../train_step.ts";

export interface BatchRow {
  threads: number;
  batch: number;
  /** Median milliseconds of a training step, per image. */
  msPerImage: number;
  /** Compared with REFERENCE in the same rounds. */
  relative: Ratio;
}

export const BATCHES = [1, 2, 4, 8, 16, 32, 64, 128, 256];
const REFERENCE = 64;
/** Factor of the time per round, so that it is long enough for a few steps of the largest batch. */
const TURN_FACTOR = 4;

function measure(threads: number, { rounds, time }: Context): BatchRow[] {
  setNumThreads(threads);
  const steps = BATCHES.map((batch) => trainStep(batch));
  const plan = { rounds: Math.min(rounds, 8), time: TURN_FACTOR * time };
  const perImage = alternate(steps, plan).map((results, i) => results.map((ms) => ms / BATCHES[i]));
  const reference = perImage[BATCHES.indexOf(REFERENCE)];
  return BATCHES.map((batch, i) => ({
    threads,
    batch,
    msPerImage: median(perImage[i]),
    relative: ratioOfRounds(perImage[i], reference),
  }));
}

async function run(context: Context): Promise<void> {
  setNumThreads(context.threads);
  const counts = [...new Set([1, Math.max(getNumThreads(), 2)])];
  const rows = counts.flatMap((threads) => scope(() => measure(threads, context)));
  for (const threads of counts) {
    printTable(
      `Training step, ${threads} thread${threads > 1 ? "s" : ""}`,
      ["batch", "ms per image", `relative to batch ${REFERENCE}`],
      rows
        .filter((row) => row.threads === threads)
        .map((row) => [String(row.batch), digits(row.msPerImage), digits(row.relative.median)]),
    );
  }
  context.save("batches", rows);
}

export const batches: Suite = { name: "batches", about: "time per image of the training step, batch 1 to 256", run };
