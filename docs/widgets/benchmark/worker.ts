/** Checks and times the same cases as the repository's benchmark, in turns, on one thread. */
import { randn, scope, setNumThreads, type Tensor } from "wasmgrad";
import { checkConv, checkSamples, sumOf } from "../../../bench/check.ts";
import { backwardOf, convLayers, flopsOf, forward, shapesOf } from "../../../bench/layers.ts";
import { median } from "../../../bench/lib/statistics.ts";
import { trainStep } from "../../../bench/train_step.ts";
import type { BenchmarkMessage, Entry } from "./messages.ts";

const ROUNDS = 8;
/** A turn is long, because some browsers' clocks only show whole milliseconds. */
const TURN_MS = 80;
const WARMUP_MS = 300;
const BATCH = 4;

interface Case extends Entry {
  readonly run: () => unknown;
}

const post = (message: BenchmarkMessage) => postMessage(message);

function stepCases(): Case[] {
  return [4, 64].map((batch) => ({
    key: `step ${batch}`,
    name: `Training step of the README's network, batch ${batch}`,
    run: trainStep(batch),
  }));
}

function convCases(): Case[] {
  const passes = ["forward", "gradient of the input", "gradient of the weight"];
  return convLayers.slice(0, 4).flatMap((layer, i) => {
    const operands = Object.values(shapesOf(layer, BATCH)).map((shape) => {
      const leaf = randn(shape);
      leaf.requiresGrad = true;
      return leaf;
    }) as [Tensor, Tensor, Tensor];
    checkConv(layer, ...operands);
    const constants = operands.map((leaf) => leaf.detach()) as [Tensor, Tensor, Tensor];
    const bodies = [
      () => forward(layer, ...constants),
      backwardOf(layer, constants, 0),
      backwardOf(layer, constants, 1),
    ];
    return bodies.slice(0, i === 1 ? 3 : 1).map((run, pass) => ({
      key: `${layer.name}, ${passes[pass]}`,
      name: `${layer.name}, ${passes[pass]}, batch ${BATCH}`,
      flops: flopsOf(layer, BATCH),
      run,
    }));
  });
}

function matmulCases(): Case[] {
  return [256, 512, 1024].map((n) => {
    const [a, b] = [randn([n, n]), randn([n, n])];
    const [left, right] = [a.data(), b.data()];
    checkSamples(`matmul of ${n}`, a.matmul(b).data(), (at) => {
      const [row, column] = [Math.floor(at / n), at % n];
      return sumOf(Float64Array.from({ length: n }, (_, k) => left[row * n + k] * right[k * n + column]));
    });
    return {
      key: `matmul [${n},${n}] [${n},${n}]`,
      name: `Matrix product, ${n} x ${n} times ${n} x ${n}`,
      flops: 2 * n ** 3,
      run: () => a.matmul(b),
    };
  });
}

/** Mean milliseconds of a call, over about `time` milliseconds. */
function sample(run: () => unknown, time: number): number {
  const start = performance.now();
  let calls = 0;
  let passed = 0;
  do {
    scope(() => void run());
    calls++;
    passed = performance.now() - start;
  } while (passed < time);
  return passed / calls;
}

try {
  setNumThreads(1);
  const cases = [...stepCases(), ...convCases(), ...matmulCases()];
  const entries = cases.map(({ key, name, flops }) => ({ key, name, flops }));
  post({ type: "entries", entries, rounds: ROUNDS });
  for (const { run } of cases) sample(run, WARMUP_MS);
  const times = cases.map(() => [] as number[]);
  for (let round = 1; round <= ROUNDS; round++) {
    for (const [i, { run }] of cases.entries()) times[i].push(sample(run, TURN_MS));
    const medians = Object.fromEntries(cases.map(({ key }, i) => [key, median(times[i])]));
    post({ type: "round", round, medians });
  }
} catch (error) {
  post({ type: "failed", message: error instanceof Error ? error.message : String(error) });
}
