import { randn, scope, type Tensor } from "wasmgrad";
import { checkConv } from "../check.ts";
import { backwardOf, convLayers, flopsOf, forward, shapesOf } from "../layers.ts";
import { type Rate, rateOf } from "../lib/rate.ts";
import type { Context, Suite } from "../lib/suite.ts";
import { digits, percent, printTable } from "../lib/table.ts";

export const PASSES = ["forward", "gradient of the input", "gradient of the weight"] as const;

export interface ConvRow extends Rate {
  layer: string;
  batch: number;
  pass: (typeof PASSES)[number];
}

export const CONV_BATCHES = [4, 16, 64];

async function run(context: Context): Promise<void> {
  const ceiling = await context.ceiling();
  const rows: ConvRow[] = [];
  for (const batch of CONV_BATCHES) {
    for (const layer of convLayers) {
      scope(() => {
        const operands = Object.values(shapesOf(layer, batch)).map((shape) => {
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
        bodies.forEach((body, i) => {
          const rate = rateOf(body, { flops: flopsOf(layer, batch) }, ceiling, context);
          rows.push({ layer: layer.name, batch, pass: PASSES[i], ...rate });
        });
      });
    }
  }
  for (const batch of CONV_BATCHES) {
    printTable(
      `Convolutions, batch ${batch}`,
      ["", "ms", "GFLOP/s", "of the ceiling"],
      rows
        .filter((row) => row.batch === batch)
        .map(({ layer, pass, ms, rate, share }) => [
          `${layer}, ${pass}`,
          digits(ms),
          digits(rate),
          percent(share.median),
        ]),
    );
  }
  context.save("conv", rows);
}

export const conv: Suite = { name: "conv", about: "each convolution of the autoencoder, each pass alone", run };
