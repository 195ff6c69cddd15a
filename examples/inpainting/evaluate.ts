import { Generator, noGrad, type Tensor } from "wasmgrad";
import { DataLoader } from "wasmgrad/data";
import { mse } from "wasmgrad/vision";
import type { Images } from "./images.ts";
import type { InpaintingAutoencoder } from "./model.ts";
import type { Keep } from "./training.ts";

/** All runs, epochs and presets have the same masks, so that their figures can be compared. */
const MASK_SEED = 20_091;
const BATCH = 100;

// a type, not an interface: it must be a Record<string, number>
export type Scores = {
  /** Mean squared error over all elements. */
  mse: number;
  /** Mean squared error over the hidden elements. */
  maskedMse: number;
  /** 10 log10(range^2 / maskedMse), in dB. */
  maskedPsnr: number;
};

export interface TestBatch {
  images: Tensor;
  /** The input of the model. */
  masked: Tensor;
  /** The output of the model. */
  outputs: Tensor;
  /** True where an element was hidden. */
  hidden: Tensor;
}

/**
 * Calls `visit` for each test batch with its fixed mask. An element's mask follows from its position in the
 * set: a subset of the first images has the same masks.
 */
export function forEachTestBatch(
  model: InpaintingAutoencoder,
  test: Images,
  keep: Keep,
  visit: (batch: TestBatch) => void,
): void {
  const generator = new Generator(MASK_SEED);
  noGrad(() => {
    for (const [images] of new DataLoader(test, { batchSize: BATCH })) {
      const kept = keep(images.shape, generator);
      const masked = images.mul(kept);
      visit({ images, masked, outputs: model.forward(masked), hidden: kept.logicalNot() });
    }
  });
}

export function evaluate(model: InpaintingAutoencoder, test: Images, keep: Keep, range: number): Scores {
  let [all, allCount, masked, maskedCount] = [0, 0, 0, 0];
  forEachTestBatch(model, test, keep, ({ images, outputs, hidden }) => {
    const hiddenCount = hidden.sum().item();
    all += mse(outputs, images) * images.numel();
    allCount += images.numel();
    masked += mse(outputs, images, { mask: hidden }) * hiddenCount;
    maskedCount += hiddenCount;
  });
  const maskedMse = masked / maskedCount;
  return { mse: all / allCount, maskedMse, maskedPsnr: 10 * Math.log10((range * range) / maskedMse) };
}
