import { checkDataset, type Dataset, partsOf } from "../data/dataset.ts";
import { DataError } from "../errors.ts";
import { describeImages } from "../ops/image/augment.ts";
import { leaf } from "../tensor/leaf.ts";
import { scope } from "../tensor/lifetime/scoped.ts";
import { Tensor } from "../tensor/tensor.ts";

/** The findings of `checkImages`, as indices into the data set. */
export interface ImageReport {
  /** Images with a single value in each channel. */
  constant: number[];
  /** Groups of images that are equal in every element. */
  duplicates: number[][];
  /** Images whose shape differs from the first image's. */
  wrongSize: { index: number; shape: readonly number[] }[];
}

/**
 * Finds images that may harm training: constant images, duplicates, and images with a different size than the
 * first. The first part of each sample must be its image, float32 [C,H,W]. Every image is read once; images
 * with equal hashes are read again.
 *
 * @throws DataError for a sample whose first part is not an image.
 * @example
 * ```ts
 * import { checkImages, ImageDataset } from "wasmgrad/vision";
 * const pixels = new Uint8Array([1, 2, 3, 4, 7, 7, 7, 7, 1, 2, 3, 4]);
 * const report = checkImages(ImageDataset.fromBytes(pixels, { shape: [3, 1, 2, 2] }));
 * console.log(report.constant, report.duplicates); // [1] [[0, 2]]
 * ```
 */
export function checkImages(dataset: Dataset<readonly unknown[], unknown>): ImageReport {
  checkDataset("checkImages", dataset);
  const report: ImageReport = { constant: [], duplicates: [], wrongSize: [] };
  const byHash = new Map<string, number[]>();
  let expected: string | undefined;
  for (let index = 0; index < dataset.length; index++) {
    scope(() => {
      const image = imageAt(dataset, index);
      const shape = image.shape.join();
      expected ??= shape;
      if (shape !== expected) report.wrongSize.push({ index, shape: [...image.shape] });
      const { array } = image;
      const [constant, ...hash] = leaf(() => describeImages(array.withShape([1, ...array.shape]))).data();
      if (constant) report.constant.push(index);
      const key = `${shape}:${hash.join()}`;
      byHash.set(key, [...(byHash.get(key) ?? []), index]);
    });
  }
  for (const group of byHash.values()) report.duplicates.push(...equalImages(dataset, group));
  return report;
}

function imageAt(dataset: Dataset<readonly unknown[], unknown>, index: number): Tensor {
  const [image] = partsOf("checkImages", dataset, index);
  if (!(image instanceof Tensor) || image.dim() !== 3 || image.dtype !== "float32") {
    throw new DataError(`checkImages: sample ${index} expected a float32 image [C,H,W] as its first part`);
  }
  return image;
}

/** Splits images with equal hashes into groups of images that are truly equal. */
function equalImages(dataset: Dataset<readonly unknown[], unknown>, candidates: number[]): number[][] {
  const groups: number[][] = [];
  for (const index of candidates.length > 1 ? candidates : []) {
    const same = (group: number[]) =>
      scope(() => imageAt(dataset, group[0]).eq(imageAt(dataset, index)).all().item() === 1);
    const group = groups.find(same);
    if (group) group.push(index);
    else groups.push([index]);
  }
  return groups.filter((group) => group.length > 1);
}
