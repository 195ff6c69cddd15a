import { existsSync, statSync } from "node:fs";
import { DataError, type Tensor } from "wasmgrad";
import { type Dataset, Subset } from "wasmgrad/data";
import { CIFAR10, transforms } from "wasmgrad/vision";
import type { Settings } from "./options.ts";

/** A set of images with labels. */
export type Images = Dataset<[Tensor, number], [Tensor, Tensor]>;

/** Number of test images that are evaluated, as for the figures in the README. */
const TEST_IMAGES = 2000;

/** Loads the training and test images of a run, with the range of pixel values that its preset has. */
export async function loadImages({ data, preset }: Pick<Settings, "data" | "preset">) {
  const half = [0.5, 0.5, 0.5];
  const transform =
    preset === "tutorial"
      ? transforms.compose([transforms.toTensor(), transforms.normalize(half, half)])
      : transforms.toTensor();
  const load = async (train: boolean) => {
    if (data === "sample") return CIFAR10.sample({ train, transform });
    if (data === "cifar10") return CIFAR10.load({ root: "./data", train, download: true, transform });
    return CIFAR10.load({ root: data, train, download: false, transform });
  };
  if (!["sample", "cifar10"].includes(data) && !(existsSync(data) && statSync(data).isDirectory())) {
    throw new DataError(`--data: expected sample, cifar10 or a folder; there is no folder ${data}`);
  }
  const train = await load(true);
  const test = await load(false);
  return { train, test: firstImages(test, TEST_IMAGES) };
}

/** The first `count` images, or all if there are fewer. */
export function firstImages(images: Images, count: number): Images {
  const indices = Array.from({ length: Math.min(count, images.length) }, (_, i) => i);
  return new Subset(images, indices);
}

/** The largest minus the smallest possible pixel value, for the PSNR. */
export function pixelRange(preset: Settings["preset"]): number {
  return preset === "tutorial" ? 2 : 1;
}

/** Maps pixel values to [0,1], for pictures. */
export function toUnitRange(images: Tensor, preset: Settings["preset"]): Tensor {
  return preset === "tutorial" ? images.mul(0.5).add(0.5) : images;
}
