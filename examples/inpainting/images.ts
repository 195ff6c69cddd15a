import { existsSync, statSync } from "node:fs";
import { DataError, type Tensor } from "wasmgrad";
import { type DataLoader, type Dataset, Subset } from "wasmgrad/data";
import { CIFAR10, transforms } from "wasmgrad/vision";
import type { Settings } from "./options.ts";

/** A set of images with labels, and its loader. */
export type Images = Dataset<[Tensor, number], [Tensor, Tensor]>;
export type ImageLoader = DataLoader<[Tensor, number], [Tensor, Tensor]>;

/** Test images that are evaluated: as many as were for the figures in the README. */
const TEST_IMAGES = 2000;

/** The images of a run, and the values that their pixels have. */
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

/** The first `count` images, or all where there are fewer. */
export function firstImages(images: Images, count: number): Images {
  const indices = Array.from({ length: Math.min(count, images.length) }, (_, i) => i);
  return new Subset(images, indices);
}

/** The difference between the largest and the smallest value of a pixel: PSNR is relative to it. */
export function pixelRange(preset: Settings["preset"]): number {
  return preset === "tutorial" ? 2 : 1;
}

/** Pixels as [0,1], for pictures. */
export function toUnitRange(images: Tensor, preset: Settings["preset"]): Tensor {
  return preset === "tutorial" ? images.mul(0.5).add(0.5) : images;
}
