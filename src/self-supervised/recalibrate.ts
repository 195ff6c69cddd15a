import { noGrad } from "../autograd/grad_mode.ts";
import { readOptions } from "../checks.ts";
import { DataLoader } from "../data/data_loader.ts";
import { checkDataset, type Sample } from "../data/dataset.ts";
import { inMode } from "../nn/internal/mode.ts";
import { checkModule } from "../nn/module.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { LabelledSet } from "./classifier.ts";
import type { Encoder } from "./encoder.ts";

/**
 * Recomputes the encoder's running statistics from whole images, because pretraining may have used only
 * masked or rotated images. Runs forward passes in training mode, without a graph. Weights do not change.
 *
 * @param options `batches` (default 50): number of batches, starting with the first images; `batchSize`
 *   (default 200)
 * @example
 * ```ts
 * import { rand, tensor } from "wasmgrad";
 * import { TensorDataset } from "wasmgrad/data";
 * import { Encoder, recalibrate } from "wasmgrad/self-supervised";
 * const encoder = new Encoder({ channels: [8, 16, 32] });
 * const set = new TensorDataset(rand([8, 3, 32, 32]), tensor(new Int32Array(8)));
 * recalibrate(encoder, set, { batchSize: 4 });
 * console.log(encoder.training);
 * ```
 */
export function recalibrate(
  encoder: Encoder,
  set: LabelledSet,
  options?: { batches?: number; batchSize?: number },
): void {
  const { batches, batchSize } = readOptions("recalibrate", options, { batches: 50, batchSize: 200 });
  checkModule("recalibrate", "encoder", encoder);
  checkDataset("recalibrate", set);
  let left = batches;
  const run = () => {
    for (const [images] of new DataLoader<Sample, Tensor[]>(set, { batchSize })) {
      if (left-- <= 0) break;
      encoder.forward(images);
    }
  };
  inMode(encoder, true, () => noGrad(run));
}
