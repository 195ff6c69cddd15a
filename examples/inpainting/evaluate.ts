import { Generator, noGrad, rand, type Tensor } from "wasmgrad";
import { DataLoader } from "wasmgrad/data";
import { mse } from "wasmgrad/vision";
import type { Images } from "./images.ts";
import type { InpaintingAutoencoder } from "./model.ts";

/** The same masks for every run, epoch and preset, so that their figures can be compared. */
const MASK_SEED = 20_091;
const BATCH = 100;

// a type, not an interface: the trainer takes it as numbers by name
export type Scores = {
  /** Mean squared error over all elements. */
  mse: number;
  /** The same over the elements that were hidden. */
  maskedMse: number;
  /** 10 log10(range^2 / maskedMse), in dB. */
  maskedPsnr: number;
};

export interface TestBatch {
  images: Tensor;
  /** What the model sees. */
  masked: Tensor;
  /** What it paints. */
  outputs: Tensor;
  /** True where an element was hidden. */
  hidden: Tensor;
}

/**
 * Calls `visit` for each test batch with its fixed mask. An element's mask is drawn by its position in the
 * set, so that the first images have the same masks when they are taken alone.
 */
export function forEachTestBatch(
  model: InpaintingAutoencoder,
  test: Images,
  mask: number,
  visit: (batch: TestBatch) => void,
): void {
  const generator = new Generator(MASK_SEED);
  noGrad(() => {
    for (const [images] of new DataLoader(test, { batchSize: BATCH })) {
      const noise = rand(images.shape, { generator });
      const masked = images.mul(noise.gt(mask));
      const outputs = model.forward(masked);
      visit({ images, masked, outputs, hidden: noise.le(mask) });
    }
  });
}

export function evaluate(model: InpaintingAutoencoder, test: Images, mask: number, range: number): Scores {
  let [all, allCount, masked, maskedCount] = [0, 0, 0, 0];
  forEachTestBatch(model, test, mask, ({ images, outputs, hidden }) => {
    const hiddenCount = hidden.sum().item();
    all += mse(outputs, images) * images.numel();
    allCount += images.numel();
    masked += mse(outputs, images, { mask: hidden }) * hiddenCount;
    maskedCount += hiddenCount;
  });
  const maskedMse = masked / maskedCount;
  return { mse: all / allCount, maskedMse, maskedPsnr: 10 * Math.log10((range * range) / maskedMse) };
}
