import { execFileSync } from "node:child_process";
import { environment, nodeCommand } from "../lib/child.ts";
import type { Ratio } from "../lib/statistics.ts";
import type { Context, Suite } from "../lib/suite.ts";
import { digits, printTable } from "../lib/table.ts";

/** How the time of a training step is divided. */
export interface StepRow {
  batch: number;
  /** Median milliseconds of the whole step, without tracing. */
  ms: number;
  /** The phases, in the order in which they run. */
  phases: { name: string; ms: number }[];
  /** The time of the step divided by the time of its kernels: the library's overhead. */
  overhead: Ratio;
  /** The kernels, the longest first. */
  kernels: { name: string; calls: number; ms: number }[];
}

const BATCHES = [4, 64];

/**
 * Measures a step in a separate process, in which V8 has compiled nothing for another suite, and on one
 * thread.
 */
function measure(batch: number, { rounds, time }: Context): StepRow {
  const args = [batch, rounds, 2 * time].map(String);
  const [program, ...rest] = nodeCommand("suites/step_process.ts", ...args);
  const output = execFileSync(program, rest, { env: { ...process.env, ...environment }, encoding: "utf8" });
  return JSON.parse(output);
}

/** "mask and forward 1.2 ms, loss 0.1 ms, …" */
export function describePhases(phases: StepRow["phases"]): string {
  return phases.map(({ name, ms }) => `${name} ${digits(ms)} ms`).join(", ");
}

async function run(context: Context): Promise<void> {
  const rows = BATCHES.map((batch) => measure(batch, context));
  for (const { batch, ms, phases, overhead, kernels } of rows) {
    printTable(
      `Training step, batch ${batch}: ${digits(ms)} ms, ${((1000 * batch) / ms).toFixed(0)} images/s, ` +
        `${overhead.median.toFixed(3)} times its kernels\n${describePhases(phases)}`,
      ["kernel", "calls", "ms", "of the step"],
      kernels.map((kernel) => [
        kernel.name,
        String(kernel.calls),
        digits(kernel.ms),
        `${((100 * kernel.ms) / ms).toFixed(1)} %`,
      ]),
    );
  }
  context.save("step", rows, { rounds: context.rounds, "ms per turn": context.time, threads: 1 });
}

export const step: Suite = { name: "step", about: "the training step and the kernels it consists of", run };
