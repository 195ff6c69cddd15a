import { checkFunction, checkInteger, checkNumber, describe, readOptions } from "../checks.ts";
import { OptionError } from "../errors.ts";
import {
  type Chance,
  colorImages,
  cropImages,
  cutoutImages,
  flipImages,
  noiseImages,
  resizeCrops,
  rotateImages,
  rotateQuarters as rotateQuartersArray,
} from "../ops/image/augment.ts";
import { expectTensor } from "../tensor/apply.ts";
import { leaf } from "../tensor/leaf.ts";
import { Tensor } from "../tensor/tensor.ts";
import { runAugmentation } from "./run_steps.ts";

/**
 * Determines the random numbers of a batch. They do not depend on the order of the images, on threads or on
 * earlier draws.
 */
export interface AugmentPlace {
  /** int32 [B]: the index of each image in the data set; see `withIndices`. */
  indices: Tensor;
  /** The seed of the random numbers. Default 0. */
  seed?: number;
  /** Each epoch has different random numbers. Default 0. */
  epoch?: number;
  /** Distinguishes several versions of the same images, as in contrastive learning. Default 0. */
  view?: number;
  /** Position of the augmentation in a `compose`, which sets this option. Default 0. */
  step?: number;
}

/** Randomly changes each image of a float32 batch [B,C,H,W]. The result has no gradient. */
export type Augmentation = (images: Tensor, place: AugmentPlace) => Tensor;

const parts = new WeakMap<Augmentation, readonly Augmentation[]>();

function augmentation(op: string, run: (x: Tensor["array"], chance: Chance) => Tensor["array"]): Augmentation {
  return (images, place) => {
    const { indices, ...numbers } = place ?? {};
    expectTensor(op, "images", images);
    if (!(indices instanceof Tensor)) {
      throw new OptionError(
        `${op}: expected { indices: a tensor, ... } as its second argument, got ${describe(place)}`,
      );
    }
    const given = readOptions(op, numbers, { seed: 0, epoch: 0, view: 0, step: 0 });
    checkInteger(op, "seed", given.seed, 0, Number.MAX_SAFE_INTEGER);
    for (const name of ["epoch", "view", "step"] as const) checkInteger(op, name, given[name], 0);
    return leaf(() => run(images.array, { ...given, indices: indices.array }));
  };
}

/**
 * Runs several augmentations one after the other, each with independent random numbers. Exported as
 * `augment.compose`; `transforms.compose` combines transforms, which get no indices and draw no random
 * numbers.
 *
 * @throws OptionError for anything that is not a function.
 * @example
 * ```ts
 * import { rand, tensor } from "wasmgrad";
 * import { augment } from "wasmgrad/vision";
 * const change = augment.compose([augment.randomCrop({ padding: 4 }), augment.horizontalFlip()]);
 * const indices = tensor([17, 4], { dtype: "int32" });
 * console.log(change(rand([2, 3, 32, 32]), { indices, seed: 1, epoch: 3 }).shape); // [2, 3, 32, 32]
 * ```
 */
export function compose(augmentations: readonly Augmentation[]): Augmentation {
  if (!Array.isArray(augmentations)) {
    throw new OptionError(`augment.compose: expected an array of augmentations, got ${describe(augmentations)}`);
  }
  const steps = augmentations.flatMap((one, i) => {
    checkFunction("augment.compose", `augmentation ${i}`, one);
    return parts.get(one) ?? [one];
  });
  const composed: Augmentation = (images, place) =>
    steps.reduce((batch, one, step) => {
      const name = `augment.compose: augmentation ${step}${one.name === "" ? "" : ` (${one.name})`}`;
      return runAugmentation(name, one, batch, { ...place, step: (place?.step ?? 0) + step });
    }, images);
  parts.set(composed, steps);
  return composed;
}

/**
 * Adds a border of `padding` pixels with the value `fill` to each image and crops it at random to the
 * original size. Matches `torchvision.transforms.RandomCrop(size, padding)`.
 *
 * @param options `padding` (default 4), `fill` (default 0).
 * @throws OptionError
 * @example
 * ```ts
 * import { ones, tensor } from "wasmgrad";
 * import { augment } from "wasmgrad/vision";
 * const change = augment.randomCrop({ padding: 1, fill: -1 });
 * console.log(change(ones([1, 1, 2, 2]), { indices: tensor([5], { dtype: "int32" }) }).shape);
 * ```
 */
export function randomCrop(options?: { padding?: number; fill?: number }): Augmentation {
  const { padding, fill } = readOptions("randomCrop", options, { padding: 4, fill: 0 });
  checkInteger("randomCrop", "padding", padding, 0, 2 ** 19);
  checkNumber("randomCrop", "fill", fill);
  return augmentation("randomCrop", (x, chance) => cropImages(x, chance, padding, fill));
}

/**
 * Flips each image horizontally with probability `p` (default 0.5). Matches
 * `torchvision.transforms.RandomHorizontalFlip`.
 * @example
 * ```ts
 * import { tensor } from "wasmgrad";
 * import { augment } from "wasmgrad/vision";
 * const flip = augment.horizontalFlip({ p: 1 });
 * console.log(flip(tensor([[[[1, 2, 3]]]]), { indices: tensor([5], { dtype: "int32" }) }).toArray()); // [[[[3, 2, 1]]]]
 * ```
 */
export function horizontalFlip(options?: { p?: number }): Augmentation {
  const { p } = readOptions("horizontalFlip", options, { p: 0.5 });
  checkNumber("horizontalFlip", "p", p, 0, 1);
  return augmentation("horizontalFlip", (x, chance) => flipImages(x, chance, p));
}

/**
 * Rotates each image around its centre by an angle in [-degrees, degrees], with bilinear interpolation.
 * Positions outside the image repeat its edge.
 *
 * @param options `degrees` (default 10).
 * @example
 * ```ts
 * import { ones, tensor } from "wasmgrad";
 * import { augment } from "wasmgrad/vision";
 * const change = augment.rotation({ degrees: 15 });
 * console.log(change(ones([1, 3, 8, 8]), { indices: tensor([5], { dtype: "int32" }) }).min().item()); // 1
 * ```
 */
export function rotation(options?: { degrees?: number }): Augmentation {
  const { degrees } = readOptions("rotation", options, { degrees: 10 });
  checkNumber("rotation", "degrees", degrees, 0, 360);
  return augmentation("rotation", (x, chance) => rotateImages(x, chance, degrees));
}

/**
 * Crops each image at random and resizes the crop to the image's size, with bilinear interpolation. Similar
 * to `torchvision.transforms.RandomResizedCrop`, but without repeated attempts: a side of the crop that is
 * longer than the image's side is shortened to that length.
 *
 * @param options `area`: smallest and largest share of the image's area (default [0.2, 1]); `ratio`: the
 *   aspect ratio lies in [1/ratio, ratio] (default 4/3).
 * @throws OptionError
 * @example
 * ```ts
 * import { ones, tensor } from "wasmgrad";
 * import { augment } from "wasmgrad/vision";
 * const change = augment.resizedCrop({ area: [0.5, 1] });
 * console.log(change(ones([1, 3, 8, 8]), { indices: tensor([5], { dtype: "int32" }) }).shape);
 * ```
 */
export function resizedCrop(options?: { area?: readonly [number, number]; ratio?: number }): Augmentation {
  const op = "resizedCrop";
  const { area, ratio } = readOptions(op, options, { area: [0.2, 1] as readonly [number, number], ratio: 4 / 3 });
  if (!Array.isArray(area) || area.length !== 2) throw new OptionError(`${op}: area expected [least, most]`);
  checkNumber(op, "area[0]", area[0], 1e-4, 1);
  checkNumber(op, "area[1]", area[1], area[0], 1);
  checkNumber(op, "ratio", ratio, 1, 100);
  return augmentation(op, (x, chance) => resizeCrops(x, chance, area, ratio));
}

/** The strength of the changes of `colorJitter`. */
export interface ColorJitterOptions {
  /** Largest change of the brightness factor from 1. Default 0.4. */
  brightness?: number;
  /** Largest change of the contrast factor from 1. Default 0.4. */
  contrast?: number;
  /** Largest change of the saturation factor from 1. Default 0.4. */
  saturation?: number;
  /** Largest rotation of the hue, as a share of a full circle. Default 0.1. */
  hue?: number;
  /** Probability that an image is changed. Default 0.8. */
  p?: number;
}

/**
 * Changes brightness, contrast, saturation and hue, in this order, of images [B,3,H,W] in [0, 1]. The factors
 * lie in [1 - s, 1 + s], where s is the option; hue is rotated around the grey axis by at most the share
 * `hue` of a full circle. The result is clamped to [0, 1]. Similar to `torchvision.transforms.ColorJitter`,
 * which draws a random order, clamps after each step and rotates hue in HSV.
 *
 * @param options `brightness`, `contrast`, `saturation` (default 0.4 each), `hue` (default 0.1), `p`: the
 *   probability that an image is changed (default 0.8).
 * @throws OptionError, ShapeError
 * @example
 * ```ts
 * import { ones, tensor } from "wasmgrad";
 * import { augment } from "wasmgrad/vision";
 * const change = augment.colorJitter({ hue: 0.2 });
 * console.log(change(ones([1, 3, 8, 8]), { indices: tensor([5], { dtype: "int32" }) }).max().item() <= 1); // true
 * ```
 */
export function colorJitter(options?: ColorJitterOptions): Augmentation {
  const op = "colorJitter";
  const defaults = { brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1, p: 0.8 };
  const ranges = readOptions(op, options, defaults);
  for (const name of ["brightness", "contrast", "saturation", "p"] as const) checkNumber(op, name, ranges[name], 0, 1);
  checkNumber(op, "hue", ranges.hue, 0, 0.5);
  return augmentation(op, (x, chance) => colorImages(op, x, chance, { ...ranges, gray: 0 }));
}

/**
 * Sets all three channels to `0.299 r + 0.587 g + 0.114 b` with probability `p` (default 0.2). Matches
 * `torchvision.transforms.RandomGrayscale`.
 * @example
 * ```ts
 * import { tensor } from "wasmgrad";
 * import { augment } from "wasmgrad/vision";
 * const red = tensor([[[[1]], [[0]], [[0]]]]);
 * console.log(augment.grayscale({ p: 1 })(red, { indices: tensor([5], { dtype: "int32" }) }).flatten().toArray()); // [0.299, 0.299, 0.299]
 * ```
 */
export function grayscale(options?: { p?: number }): Augmentation {
  const { p } = readOptions("grayscale", options, { p: 0.2 });
  checkNumber("grayscale", "p", p, 0, 1);
  const still = { brightness: 0, contrast: 0, saturation: 0, hue: 0, p: 0 };
  return augmentation("grayscale", (x, chance) => colorImages("grayscale", x, chance, { ...still, gray: p }));
}

/**
 * Overwrites a square centred at a random pixel of each image. Parts outside the image are ignored.
 * see: DeVries, Taylor, "Improved regularization of convolutional neural networks with cutout", 2017
 *
 * @param options `size`: the square's side (default 8); `value` (default 0).
 * @example
 * ```ts
 * import { ones, tensor } from "wasmgrad";
 * import { augment } from "wasmgrad/vision";
 * const change = augment.cutout({ size: 100, value: 0 });
 * console.log(change(ones([1, 3, 8, 8]), { indices: tensor([5], { dtype: "int32" }) }).sum().item()); // 0
 * ```
 */
export function cutout(options?: { size?: number; value?: number }): Augmentation {
  const { size, value } = readOptions("cutout", options, { size: 8, value: 0 });
  checkInteger("cutout", "size", size, 1, 2 ** 20);
  checkNumber("cutout", "value", value);
  return augmentation("cutout", (x, chance) => cutoutImages(x, chance, size, value));
}

/**
 * Adds normal noise with mean 0 and standard deviation `std` (default 0.1) to every element, without
 * clamping.
 * @example
 * ```ts
 * import { ones, tensor } from "wasmgrad";
 * import { augment } from "wasmgrad/vision";
 * const change = augment.gaussianNoise({ std: 0.2 });
 * console.log(change(ones([1, 3, 8, 8]), { indices: tensor([5], { dtype: "int32" }) }).std().item());
 * ```
 */
export function gaussianNoise(options?: { std?: number }): Augmentation {
  const { std } = readOptions("gaussianNoise", options, { std: 0.1 });
  checkNumber("gaussianNoise", "std", std, 0);
  return augmentation("gaussianNoise", (x, chance) => noiseImages(x, chance, std));
}

/**
 * Rotates image b to the left by exactly `quarters[b]` times 90 degrees. This is not random: the caller
 * passes the rotations.
 *
 * @param images float32 [B,C,S,S]; @param quarters int32 [B], counted modulo 4.
 * @throws ShapeError, DTypeError
 * @example
 * ```ts
 * import { tensor } from "wasmgrad";
 * import { augment } from "wasmgrad/vision";
 * const images = tensor([[[[1, 2], [3, 4]]]]);
 * console.log(augment.rotateQuarters(images, tensor([1], { dtype: "int32" })).toArray()); // [[[[2, 4], [1, 3]]]]
 * ```
 */
export function rotateQuarters(images: Tensor, quarters: Tensor): Tensor {
  expectTensor("rotateQuarters", "images", images);
  expectTensor("rotateQuarters", "quarters", quarters);
  return leaf(() => rotateQuartersArray(images.array, quarters.array));
}
