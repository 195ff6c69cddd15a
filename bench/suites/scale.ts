import { type nn, rand, scope, setNumThreads } from "wasmgrad";
import { InpaintingAutoencoder } from "../../examples/inpainting/model.ts";
import { sample } from "../lib/measure.ts";
import { median } from "../lib/statistics.ts";
import type { Context, Suite } from "../lib/suite.ts";
import { digits, printTable } from "../lib/table.ts";
import { models } from "../models/index.ts";
import { checkedModel } from "../models/recorded.ts";
import { trainStep } from "../train_step.ts";

/** What the cost model takes from a measurement. See bench/scale/cost_model.ts. */
export type ScaleRow =
  | {
      kind: "model";
      name: string;
      label: string;
      parameters: number;
      /** Of a step that was timed. */
      batch: number;
      /** Median milliseconds of a training step per image or sequence, on one core. */
      msPerImage: number;
    }
  | {
      kind: "rate";
      name: "adds" | "copies";
      /** Bytes of the operand per second, on one core, far beyond the caches. */
      bytesPerSecond: number;
    };

const AUTOENCODER_BATCH = 64;
/** Floats of the largest vector of gradients that was tried. */
const FLOATS = 10_500_000;
const WARMUP_MS = 1000;
/** Factor of the time per round: a step of a large network takes a second. */
const TURN_FACTOR = 4;

function millisecondsOf(body: () => unknown, { rounds, time }: Context): number {
  sample(body, WARMUP_MS);
  return median(Array.from({ length: Math.min(rounds, 6) }, () => sample(body, TURN_FACTOR * time)));
}

function measureModels(context: Context): ScaleRow[] {
  const parameters = (model: nn.Module) => model.parameters().reduce((sum, weight) => sum + weight.numel(), 0);
  const autoencoder: ScaleRow = scope(() => ({
    kind: "model",
    name: "autoencoder",
    label: "inpainting autoencoder",
    parameters: parameters(new InpaintingAutoencoder()),
    batch: AUTOENCODER_BATCH,
    msPerImage: millisecondsOf(trainStep(AUTOENCODER_BATCH), context) / AUTOENCODER_BATCH,
  }));
  const others = models.map((definition) =>
    scope((): ScaleRow => {
      const batch = definition.batches[1];
      const { program, data } = checkedModel(definition, batch);
      return {
        kind: "model",
        name: definition.name,
        label: definition.label,
        parameters: parameters(program.model),
        batch,
        msPerImage: millisecondsOf(() => program.step(data.x, data.y), context) / batch,
      };
    }),
  );
  return [autoencoder, ...others];
}

function measureRates(context: Context): ScaleRow[] {
  const rate = (name: "adds" | "copies", body: () => unknown): ScaleRow => ({
    kind: "rate",
    name,
    bytesPerSecond: (4 * FLOATS * 1000) / millisecondsOf(body, context),
  });
  return scope(() => {
    const [a, b] = [rand([FLOATS]), rand([FLOATS])];
    const [from, to] = [new Float32Array(FLOATS).fill(1), new Float32Array(FLOATS)];
    return [rate("adds", () => a.add_(b)), rate("copies", () => to.set(from))];
  });
}

async function run(context: Context): Promise<void> {
  setNumThreads(1);
  const rows = [...measureModels(context), ...measureRates(context)];
  printTable(
    "Training steps for the cost model",
    ["", "parameters", "batch", "ms per image"],
    rows.flatMap((row) =>
      row.kind === "model" ? [[row.label, String(row.parameters), String(row.batch), digits(row.msPerImage)]] : [],
    ),
  );
  printTable(
    "Rates for the cost model",
    ["", "GB/s"],
    rows.flatMap((row) => (row.kind === "rate" ? [[row.name, digits(row.bytesPerSecond / 1e9)]] : [])),
  );
  context.save("scale", rows, {
    rounds: Math.min(context.rounds, 6),
    "ms per turn": TURN_FACTOR * context.time,
    threads: 1,
  });
}

export const scale: Suite = { name: "scale", about: "what npm run scale:plan computes with", run };
