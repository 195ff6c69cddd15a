import { formatShape, OptionError, ShapeError } from "../../errors.ts";
import type { Address } from "../../runtime/address.ts";
import { MAP_BYTES } from "../../runtime/kernels.generated.ts";
import { empty, emptyLike, expectFloat, expectInt32, expectRank, type NDArray, scratch } from "../core/array.ts";
import { launch } from "./kernels.ts";

/**
 * The values that determine the random choices for a batch of images: the images' indices in the data set
 * (int32 [B]), the seed, the epoch, and two numbers.
 */
export interface Chance {
  indices: NDArray;
  seed: number;
  epoch: number;
  /** The position of the augmentation in a sequence of them. */
  step: number;
  /** The number of the view, if there are several views of an image. */
  view: number;
}

/** Number of images that a thread takes at a time: about 64 KiB. */
const grain = (x: NDArray) => Math.max(1, Math.ceil((16384 * x.shape[0]) / Math.max(1, x.size)));

function checkImages(op: string, x: NDArray): { images: number; channels: number; height: number; width: number } {
  expectFloat(op, x);
  expectRank(op, "images", x, 4, "[B,C,H,W]");
  const [images, channels, height, width] = x.shape;
  return { images, channels, height, width };
}

/** Address of one key per image, from which all of its random choices are derived. */
function keysOf(op: string, images: number, { indices, seed, epoch, step, view }: Chance): Address {
  expectInt32(op, "indices", indices);
  if (indices.shape.length !== 1 || indices.size !== images) {
    throw new ShapeError(`${op}: indices expected [${images}], one per image, got ${formatShape(indices.shape)}`);
  }
  const keys = scratch(images * 8);
  launch("imageKeys", images, 1024, indices.address, seed, epoch, step, view, keys);
  return keys;
}

export function cropImages(x: NDArray, chance: Chance, padding: number, fill: number): NDArray {
  const { images, channels, height, width } = checkImages("randomCrop", x);
  const y = emptyLike(x);
  const keys = keysOf("randomCrop", images, chance);
  launch("augmentCrop", images, grain(x), x.address, keys, channels, height, width, padding, fill, y.address);
  return y;
}

export function flipImages(x: NDArray, chance: Chance, p: number): NDArray {
  const { images, channels, height, width } = checkImages("horizontalFlip", x);
  const y = emptyLike(x);
  launch(
    "augmentFlip",
    images,
    grain(x),
    x.address,
    keysOf("horizontalFlip", images, chance),
    channels,
    height,
    width,
    p,
    y.address,
  );
  return y;
}

function warp(x: NDArray, maps: Address): NDArray {
  const [images, channels, height, width] = x.shape;
  const y = emptyLike(x);
  launch("augmentWarp", images, grain(x), x.address, maps, channels, height, width, y.address);
  return y;
}

export function rotateImages(x: NDArray, chance: Chance, degrees: number): NDArray {
  const { images, height, width } = checkImages("rotation", x);
  const maps = scratch(images * MAP_BYTES);
  launch("rotationMaps", images, 256, keysOf("rotation", images, chance), degrees, height, width, maps);
  return warp(x, maps);
}

/**
 * Resizes a random crop of each image to the image's size. The crop's share of the area is in `area` [min,
 * max].
 */
export function resizeCrops(x: NDArray, chance: Chance, area: readonly [number, number], ratio: number): NDArray {
  const { images, height, width } = checkImages("resizedCrop", x);
  const maps = scratch(images * MAP_BYTES);
  const keys = keysOf("resizedCrop", images, chance);
  launch("cropMaps", images, 256, keys, area[0], area[1], ratio, height, width, maps);
  return warp(x, maps);
}

/** Ranges of the colour changes: see assembly/image/augment.ts. */
export interface ColorRanges {
  brightness: number;
  contrast: number;
  saturation: number;
  hue: number;
  /** Probability of applying the four changes above. */
  p: number;
  /** Probability of conversion to grey. */
  gray: number;
}

export function colorImages(op: string, x: NDArray, chance: Chance, ranges: ColorRanges): NDArray {
  const { images, channels, height, width } = checkImages(op, x);
  if (channels !== 3) throw new ShapeError(`${op}: images expected [B,3,H,W], got ${formatShape(x.shape)}`);
  const { brightness, contrast, saturation, hue, p, gray } = ranges;
  const y = emptyLike(x);
  const keys = keysOf(op, images, chance);
  const plane = height * width;
  launch(
    "augmentColor",
    images,
    grain(x),
    x.address,
    keys,
    plane,
    brightness,
    contrast,
    saturation,
    hue,
    p,
    gray,
    y.address,
  );
  return y;
}

export function cutoutImages(x: NDArray, chance: Chance, size: number, value: number): NDArray {
  const { images, channels, height, width } = checkImages("cutout", x);
  const y = emptyLike(x);
  const keys = keysOf("cutout", images, chance);
  launch("augmentCutout", images, grain(x), x.address, keys, channels, height, width, size, value, y.address);
  return y;
}

export function noiseImages(x: NDArray, chance: Chance, std: number): NDArray {
  const { images, channels, height, width } = checkImages("gaussianNoise", x);
  const y = emptyLike(x);
  const keys = keysOf("gaussianNoise", images, chance);
  launch("augmentNoise", images, grain(x), x.address, keys, channels * height * width, std, y.address);
  return y;
}

/** Rotates image b counterclockwise by quarters[b] times 90 degrees. */
export function rotateQuarters(x: NDArray, quarters: NDArray): NDArray {
  const op = "rotateQuarters";
  const { images, channels, height, width } = checkImages(op, x);
  if (height !== width) throw new ShapeError(`${op}: images expected to be square, got ${formatShape(x.shape)}`);
  expectInt32(op, "quarters", quarters);
  if (quarters.shape.length !== 1 || quarters.size !== images) {
    throw new ShapeError(`${op}: quarters expected [${images}], one per image, got ${formatShape(quarters.shape)}`);
  }
  const y = emptyLike(x);
  launch("rotateQuarters", images, grain(x), x.address, quarters.address, channels, height, y.address);
  return y;
}

/** int32 [B, 3]: whether each image is constant, and two words of a hash of its elements. */
export function describeImages(x: NDArray): NDArray {
  const { images, channels, height, width } = checkImages("checkImages", x);
  if (height * width === 0) throw new OptionError(`checkImages: images without pixels, ${formatShape(x.shape)}`);
  const out = empty([images, 3], "int32");
  launch("describeImages", images, grain(x), x.address, channels, height * width, out.address);
  return out;
}
