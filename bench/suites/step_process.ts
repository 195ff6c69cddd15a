/**
 * Measures one training step and its kernels, and prints a StepRow.
 * usage: tsx step_process.ts BATCH ROUNDS TIME
 */
import { type KernelTotal, scope, setNumThreads, traceOperations } from "wasmgrad";
import { sample } from "../lib/measure.ts";
import { median, ratioOfRounds } from "../lib/statistics.ts";
import { PHASES, trainStep } from "../train_step.ts";
import type { StepRow } from "./step.ts";

/**
 * Some hundreds of steps, until V8 has also optimised the JavaScript between the kernels, which is called
 * only once per step.
 */
const WARMUP_MS = 4000;

const totalOf = (kernels: readonly KernelTotal[]) => kernels.reduce((sum, { ms }) => sum + ms, 0);

/** The times at which the phases of a step end, while they are recorded. */
let marks: number[] | undefined;

/** Milliseconds of each phase of a step. */
function timePhases(step: () => void): number[] {
  const times: number[] = (marks = []);
  const start = performance.now();
  scope(step);
  marks = undefined;
  return times.map((mark, i) => mark - (times[i - 1] ?? start));
}

/** Runs plain and traced steps alternately. */
function measure(batch: number, rounds: number, time: number): StepRow {
  const step = trainStep(batch, () => void marks?.push(performance.now()));
  const tracedStep = () => traceOperations(() => scope(() => void step()), { print: false }).kernels;
  sample(step, WARMUP_MS);
  const stepsOfTurn = Math.max(3, Math.round(time / sample(step, time)));
  const plain: number[] = [];
  const sums: number[] = [];
  const steps: KernelTotal[][] = [];
  const phases: number[][] = [];
  for (let round = 0; round < rounds; round++) {
    plain.push(sample(step, time));
    phases.push(...Array.from({ length: stepsOfTurn }, () => timePhases(() => void step())));
    const turn = Array.from({ length: stepsOfTurn }, tracedStep);
    sums.push(median(turn.map(totalOf)));
    steps.push(...turn);
  }
  const kernels = steps[0].map(({ name, launches }) => ({
    name,
    calls: launches,
    ms: median(steps.map((kernels) => kernels.find((kernel) => kernel.name === name)?.ms ?? 0)),
  }));
  kernels.sort((a, b) => b.ms - a.ms);
  return {
    batch,
    ms: median(plain),
    phases: PHASES.map((name, i) => ({ name, ms: median(phases.map((ms) => ms[i])) })),
    overhead: ratioOfRounds(plain, sums),
    kernels,
  };
}

const [batch, rounds, time] = process.argv.slice(2).map(Number);
setNumThreads(1);
console.log(JSON.stringify(measure(batch, rounds, time)));
