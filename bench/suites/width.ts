import {
  getPrecision,
  getVectorWidth,
  type Precision,
  randn,
  scope,
  setPrecision,
  setVectorWidth,
  type VectorWidth,
} from "wasmgrad";
import { backwardOf, convLayers, forward, shapesOf } from "../layers.ts";
import { sample } from "../lib/measure.ts";
import { median, type Ratio, ratioOfRounds } from "../lib/statistics.ts";
import type { Context, Suite } from "../lib/suite.ts";
import { digits, printTable } from "../lib/table.ts";
import { trainStep } from "../train_step.ts";
import { CONV_BATCHES, PASSES } from "./conv.ts";

/** One computation with vectors of 128 and of 256 bits, in the same process. */
export interface WidthRow {
  name: string;
  precision: Precision;
  /** Median milliseconds of a call. */
  narrow: number;
  wide: number;
  /** narrow / wide */
  faster: Ratio;
}

const WIDTHS: readonly VectorWidth[] = [128, 256];
const PRECISIONS: readonly Precision[] = ["reproducible", "fast"];
/** After a change of the width, the tile of the products is chosen again. */
const SETTLE_MS = 30;
/** Until V8 has replaced its first translation of the narrow kernels. */
const WARMUP_MS = 300;

/** Times `body` with both widths alternately. */
function compare(name: string, body: () => unknown, { rounds, time }: Context): WidthRow {
  const run = (width: VectorWidth, before: number) => {
    setVectorWidth(width);
    sample(body, before);
    return sample(body, time);
  };
  for (const width of WIDTHS) run(width, WARMUP_MS);
  const turns = Array.from({ length: rounds }, () => WIDTHS.map((width) => run(width, SETTLE_MS)));
  const [narrow, wide] = WIDTHS.map((_, i) => turns.map((turn) => turn[i]));
  return {
    name,
    precision: getPrecision(),
    narrow: median(narrow),
    wide: median(wide),
    faster: ratioOfRounds(narrow, wide),
  };
}

function stepRows(context: Context): WidthRow[] {
  return [4, 64].map((batch) => {
    const step = trainStep(batch);
    return compare(`training step, batch ${batch}`, () => scope(() => void step()), context);
  });
}

function productRow(context: Context): WidthRow {
  return scope(() => {
    const [a, b] = [randn([512, 512]), randn([512, 512])];
    return compare("product 512x512x512", () => a.matmul(b), context);
  });
}

/** Each pass of the layer that Winograd's algorithm computes. */
function convRows(context: Context): WidthRow[] {
  const layer = convLayers.find(({ channels, filters }) => channels === 64 && filters === 128)!;
  return CONV_BATCHES.flatMap((batch) =>
    scope(() => {
      const [x, weight, bias] = Object.values(shapesOf(layer, batch)).map((shape) => randn(shape));
      const bodies = [
        () => forward(layer, x, weight, bias),
        backwardOf(layer, [x, weight, bias], 0),
        backwardOf(layer, [x, weight, bias], 1),
      ];
      return bodies.map((body, i) => compare(`${layer.name}, batch ${batch}, ${PASSES[i]}`, body, context));
    }),
  );
}

async function run(context: Context): Promise<void> {
  const [width, precision] = [getVectorWidth(), getPrecision()];
  if (setVectorWidth(256) !== 256) {
    console.log("width: vectors of 256 bits need Node 24, 25 or 26 on an x64 processor with AVX2");
    return;
  }
  const rows: WidthRow[] = [];
  for (const choice of PRECISIONS) {
    if (setPrecision(choice) !== choice) continue;
    rows.push(...stepRows(context), productRow(context), ...convRows(context));
  }
  setPrecision(precision);
  setVectorWidth(width);
  printTable(
    "Vectors of 256 bits over vectors of 128 bits",
    ["", "", "128 bits, ms", "256 bits, ms", "faster", ""],
    rows.map(({ name, precision, narrow, wide, faster }) => [
      name,
      precision,
      digits(narrow),
      digits(wide),
      `${faster.median.toFixed(2)} x`,
      `${faster.low.toFixed(2)} to ${faster.high.toFixed(2)}`,
    ]),
  );
  context.save("width", rows);
}

export const width: Suite = {
  name: "width",
  about: "vectors of 256 bits over 128, in one process (Node 24 to 26)",
  run,
};
