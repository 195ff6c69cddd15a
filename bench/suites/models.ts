import { type KernelTotal, scope, setNumThreads, traceOperations } from "wasmgrad";
import { sample } from "../lib/measure.ts";
import { median } from "../lib/statistics.ts";
import type { Context, Suite } from "../lib/suite.ts";
import { digits, percent, printTable } from "../lib/table.ts";
import { type ModelDefinition, models } from "../models/index.ts";
import { checkedModel } from "../models/recorded.ts";

export interface ModelRow {
  model: string;
  batch: number;
  /** Median milliseconds of a training step. */
  ms: number;
  /** The kernels of a step that take the most time, the longest first. */
  kernels: { name: string; calls: number; ms: number }[];
}

/** Until V8 has optimised the kernels. */
const WARMUP_MS = 1000;
const SHOWN_KERNELS = 8;

function measure(definition: ModelDefinition, batch: number, { rounds, time }: Context): ModelRow {
  const { program, data } = checkedModel(definition, batch);
  const step = () => program.step(data.x, data.y);
  const traced = () => traceOperations(() => scope(() => void step()), { print: false }).kernels;
  sample(step, WARMUP_MS);
  const plain: number[] = [];
  const steps: KernelTotal[][] = [];
  for (let round = 0; round < rounds; round++) {
    plain.push(sample(step, time));
    steps.push(traced());
  }
  const kernels = steps[0].map(({ name, launches }) => ({
    name,
    calls: launches,
    ms: median(steps.map((kernels) => kernels.find((kernel) => kernel.name === name)?.ms ?? 0)),
  }));
  kernels.sort((a, b) => b.ms - a.ms);
  return { model: definition.label, batch, ms: median(plain), kernels: kernels.slice(0, SHOWN_KERNELS) };
}

async function run(context: Context): Promise<void> {
  setNumThreads(1);
  const rows = models.flatMap((model) => model.batches.map((batch) => scope(() => measure(model, batch, context))));
  printTable(
    "Training steps of known networks",
    ["", "batch", "ms", "longest kernels"],
    rows.map(({ model, batch, ms, kernels }) => [
      model,
      String(batch),
      digits(ms),
      kernels
        .slice(0, 3)
        .map((kernel) => `${kernel.name} ${percent(kernel.ms / ms)}`)
        .join(", "),
    ]),
  );
  context.save("models", rows, { rounds: context.rounds, "ms per turn": context.time, threads: 1 });
}

export const modelSteps: Suite = { name: "models", about: "training steps of known networks", run };
