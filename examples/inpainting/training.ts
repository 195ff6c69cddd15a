import { type Generator, manualSeed, nn, optim, rand, type Tensor } from "wasmgrad";
import { DataLoader } from "wasmgrad/data";
import type { Images } from "./images.ts";
import { InpaintingAutoencoder } from "./model.ts";
import type { Settings } from "./options.ts";

/** Draws which elements of images are kept: a bool tensor of the given shape. */
export type Keep = (shape: readonly number[], generator?: Generator) => Tensor;

/** Each element is hidden with probability `share`. */
export function keepValues(share: number): Keep {
  return (shape, generator) => rand(shape, { generator }).gt(share);
}

/** The parts of a trainer that determine its weights: equal settings give the same weights, bit for bit. */
export function trainingParts(
  train: Images,
  { seed, batchSize, lr, mask }: Pick<Settings, "seed" | "batchSize" | "lr" | "mask">,
  keep: Keep = keepValues(mask),
) {
  manualSeed(seed);
  const model = new InpaintingAutoencoder();
  return {
    model,
    loader: new DataLoader(train, { batchSize, shuffle: true }),
    optimizer: new optim.Adam(model.parameters(), { lr }),
    loss: ([images]: [Tensor, Tensor]) => nn.functional.mseLoss(model.forward(images.mul(keep(images.shape))), images),
  };
}
