/**
 * Measures one training step and its kernels, and prints a StepRow.
 * usage: tsx step_process.ts BATCH ROUNDS TIME
 */
import { scope, setNumThreads } from "wasmgrad";
import { type KernelTimes, timeKernels } from "../lib/kernel_clock.ts";
import { sample } from "../lib/measure.ts";
import { median, ratioOfRounds } from "../lib/statistics.ts";
import { PHASES, trainStep } from "../train_step.ts";
import type { StepRow } from "./step.ts";

/**
 * Until V8 has optimised the JavaScript between the kernels as well, which is called only once a
 * step: some hundreds of steps.
 */
const WARMUP_MS = 4000;

const totalOf = (kernels: KernelTimes) => [...kernels.values()].reduce((sum, { ms }) => sum + ms, 0);

/** The ends of a step's phases, while somebody wants to know. */
let marks: number[] | undefined;

/** Milliseconds of each phase of a step. */
function timePhases(step: () => void): number[] {
  const times: number[] = (marks = []);
  const start = performance.now();
  scope(step);
  marks = undefined;
  return times.map((mark, i) => mark - (times[i - 1] ?? start));
}

/** Alternates plain steps with clocked ones. */
function measure(batch: number, rounds: number, time: number): StepRow {
  const step = trainStep(batch, () => void marks?.push(performance.now()));
  const clockedStep = () => timeKernels(() => scope(() => void step()));
  sample(step, WARMUP_MS);
  const stepsOfTurn = Math.max(3, Math.round(time / sample(step, time)));
  const plain: number[] = [];
  const sums: number[] = [];
  const steps: KernelTimes[] = [];
  const phases: number[][] = [];
  for (let round = 0; round < rounds; round++) {
    plain.push(sample(step, time));
    phases.push(...Array.from({ length: stepsOfTurn }, () => timePhases(() => void step())));
    const turn = Array.from({ length: stepsOfTurn }, clockedStep);
    sums.push(median(turn.map(totalOf)));
    steps.push(...turn);
  }
  const kernels = [...steps[0]].map(([name, { calls }]) => ({
    name,
    calls,
    ms: median(steps.map((kernels) => kernels.get(name)?.ms ?? 0)),
  }));
  if (kernels.length === 0) throw new Error("step: no kernel passed the clock: nothing can be said of the parts");
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
