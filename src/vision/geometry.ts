import { checkBoolean, checkChoice, checkInteger, checkNumber, describe, readOptions } from "../checks.ts";
import { formatShape, OptionError, ShapeError } from "../errors.ts";
import { interpolate } from "../nn/functional/interpolate.ts";
import { pad as padTensor } from "../nn/functional/pad.ts";
import { tensor } from "../tensor/creation.ts";
import { cat } from "../tensor/functions.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { asBatch, checkImageSize, cropImages, type ImageSize, roundHalfEven, sizeOfImages } from "./image_shape.ts";
import type { Transform } from "./transforms.ts";

const INTERPOLATIONS = ["bilinear", "bicubic", "nearest", "nearest-exact"] as const;

/** How transforms compute the pixels of a resized image: see `nn.functional.interpolate`. */
export type Interpolation = (typeof INTERPOLATIONS)[number];

/** Options of the transforms that resize. */
export interface ResizeOptions {
  /** Default "bilinear". */
  interpolation?: Interpolation;
  /** Whether a smaller image is computed from all pixels; "nearest" never does. Default true. */
  antialias?: boolean;
}

/** @internal A function that resizes images to a size. */
export function makeResizer(op: string, options: Required<ResizeOptions>) {
  const interpolation = checkChoice(op, "interpolation", options.interpolation, INTERPOLATIONS);
  const smooth = checkBoolean(op, "antialias", options.antialias);
  const antialias = smooth && (interpolation === "bilinear" || interpolation === "bicubic");
  return (images: Tensor, size: readonly [number, number]): Tensor => {
    const [height, width] = sizeOfImages(op, images);
    if (height === size[0] && width === size[1]) return images;
    return asBatch(images, (batch) => interpolate(batch, { size, mode: interpolation, antialias }));
  };
}

/**
 * Resizes images. Matches `torchvision.transforms.v2.Resize` for float images.
 *
 * @param size the shorter side, in pixels; the other side keeps the aspect ratio, rounded down. Or [height,
 *   width].
 * @param options `interpolation` ("bilinear", "bicubic", "nearest" or "nearest-exact"; default "bilinear"),
 *   `antialias` (default true), `maxSize`: the longer side's limit, if `size` is one number
 * @throws OptionError for bad options; ShapeError, DTypeError for images that are not float32 [N,C,H,W] or
 *   [C,H,W].
 * @example
 * ```ts
 * import { rand } from "wasmgrad";
 * import { transforms } from "wasmgrad/vision";
 * console.log(transforms.resize(32)(rand([3, 64, 96])).shape); // [3, 32, 48]
 * console.log(transforms.resize([8, 8], { interpolation: "bicubic" })(rand([2, 3, 20, 30])).shape); // [2, 3, 8, 8]
 * ```
 */
export function resize(size: ImageSize, options?: ResizeOptions & { maxSize?: number }): Transform {
  const op = "resize";
  const { maxSize, ...given } = readOptions(op, options, {
    interpolation: "bilinear" as Interpolation,
    antialias: true,
    maxSize: undefined as number | undefined,
  });
  const resizer = makeResizer(op, given);
  const pair = checkImageSize(op, size);
  if (maxSize !== undefined) {
    checkInteger(op, "maxSize", maxSize, 1);
    if (Array.isArray(size) || maxSize <= pair[0]) {
      const asked = Array.isArray(size) ? `size ${formatShape(pair)}` : `maxSize ${maxSize} for size ${pair[0]}`;
      throw new OptionError(`${op}: maxSize expected a number greater than a size of one number, got ${asked}`);
    }
  }
  return (images) => {
    const [height, width] = sizeOfImages(op, images);
    return resizer(images, Array.isArray(size) ? pair : withShorterSide(height, width, pair[0], maxSize));
  };
}

/** The size [height, width] whose shorter side is `side`, and whose longer side is at most `longest`. */
function withShorterSide(height: number, width: number, side: number, longest?: number): [number, number] {
  const [short, long] = width <= height ? [width, height] : [height, width];
  let sides = [side, Math.floor((side * long) / short)];
  if (longest !== undefined && sides[1] > longest) sides = [Math.floor((longest * side) / sides[1]), longest];
  if (sides[0] < 1) {
    throw new ShapeError(`resize: the result of ${formatShape([height, width])} with maxSize ${longest} is empty`);
  }
  return width <= height ? [sides[1], sides[0]] : [sides[0], sides[1]];
}

/**
 * The central part of images. A side that is longer than the image is first padded with zeros. Matches
 * `torchvision.transforms.v2.CenterCrop`.
 *
 * @param size one number for both sides, or [height, width]
 * @throws OptionError, ShapeError, DTypeError
 * @example
 * ```ts
 * import { tensor } from "wasmgrad";
 * import { transforms } from "wasmgrad/vision";
 * console.log(transforms.centerCrop([1, 2])(tensor([[[1, 2, 3, 4]]])).toArray()); // [[[2, 3]]]
 * console.log(transforms.centerCrop([1, 6])(tensor([[[1, 2, 3, 4]]])).toArray()); // [[[0, 1, 2, 3, 4, 0]]]
 * ```
 */
export function centerCrop(size: ImageSize): Transform {
  const op = "centerCrop";
  const [height, width] = checkImageSize(op, size);
  return (images) => {
    const [h, w] = sizeOfImages(op, images);
    const [down, across] = [Math.max(height - h, 0), Math.max(width - w, 0)];
    const sides = [Math.floor(across / 2), Math.ceil(across / 2), Math.floor(down / 2), Math.ceil(down / 2)];
    const padded = down + across > 0 ? padTensor(images, sides) : images;
    const [top, left] = [h + down - height, w + across - width].map((rest) => roundHalfEven(rest / 2));
    return cropImages(padded, top, left, height, width);
  };
}

/** How `pad` chooses the pixels of the border. */
export type PaddingMode = "constant" | "edge" | "reflect" | "symmetric";

/**
 * Adds a border to images. Matches `torchvision.transforms.v2.Pad`.
 *
 * @param padding pixels on all sides, or [left and right, top and bottom], or [left, top, right, bottom]
 * @param options `paddingMode`: "constant" (default), "edge", "reflect" (without repeating the edge) or
 *   "symmetric" (which repeats the edge); `fill`: the constant (default 0)
 * @throws OptionError, ShapeError, DTypeError
 * @example
 * ```ts
 * import { tensor } from "wasmgrad";
 * import { transforms } from "wasmgrad/vision";
 * const image = tensor([[[1, 2, 3]]]);
 * console.log(transforms.pad([1, 0], { fill: 9 })(image).toArray()); // [[[9, 1, 2, 3, 9]]]
 * console.log(transforms.pad([2, 0], { paddingMode: "symmetric" })(image).toArray()); // [[[2, 1, 1, 2, 3, 3, 2]]]
 * ```
 */
export function pad(
  padding: number | readonly number[],
  options?: { fill?: number; paddingMode?: PaddingMode },
): Transform {
  const op = "pad";
  const given = readOptions(op, options, { fill: 0, paddingMode: "constant" as PaddingMode });
  const mode = checkChoice(op, "paddingMode", given.paddingMode, ["constant", "edge", "reflect", "symmetric"]);
  const value = checkNumber(op, "fill", given.fill);
  const amounts = Array.isArray(padding) ? padding : [padding];
  if (![1, 2, 4].includes(amounts.length)) {
    throw new OptionError(`${op}: padding expected one, two or four integers, got ${describe(padding)}`);
  }
  for (const amount of amounts) checkInteger(op, "padding", amount, 0);
  const [left, top = left, right = left, bottom = top] = amounts as number[];
  return (images) => {
    const [height, width] = sizeOfImages(op, images);
    const sides = [left, right, top, bottom];
    if (mode === "constant") return padTensor(images, sides, { value });
    if (mode === "edge") return padTensor(images, sides, { mode: "replicate" });
    if (mode === "reflect") return asBatch(images, (batch) => padTensor(batch, sides, { mode: "reflect" }));
    const rows = mirrored(op, height, top, bottom);
    return images.indexSelect(images.dim() - 2, rows).indexSelect(images.dim() - 1, mirrored(op, width, left, right));
  };
}

/** Indices of a dimension of `length` elements, mirrored at both ends. */
function mirrored(op: string, length: number, before: number, after: number): Tensor {
  if (Math.max(before, after) > length) {
    throw new ShapeError(
      `${op}: symmetric padding expected at most the image's side ${length}, got ${[before, after]}`,
    );
  }
  const mirror = (i: number) => (i < 0 ? -1 - i : i < length ? i : 2 * length - 1 - i);
  return tensor(Int32Array.from({ length: before + length + after }, (_, i) => mirror(i - before)));
}

/**
 * Grey images: `0.2989 r + 0.587 g + 0.114 b`. Images with one channel keep it. Matches
 * `torchvision.transforms.v2.Grayscale`; `augment.grayscale` does this at random.
 *
 * @param options `numOutputChannels`: 1 (default), or 3 equal channels
 * @throws OptionError; ShapeError for images without one or three channels; DTypeError
 * @example
 * ```ts
 * import { tensor } from "wasmgrad";
 * import { transforms } from "wasmgrad/vision";
 * console.log(transforms.grayscale()(tensor([[[1]], [[0]], [[0]]])).item()); // 0.2989 in float32
 * ```
 */
export function grayscale(options?: { numOutputChannels?: 1 | 3 }): Transform {
  const op = "grayscale";
  const { numOutputChannels } = readOptions(op, options, { numOutputChannels: 1 as 1 | 3 });
  if (numOutputChannels !== 1 && numOutputChannels !== 3) {
    throw new OptionError(`${op}: numOutputChannels expected 1 or 3, got ${describe(numOutputChannels)}`);
  }
  return (images) => {
    sizeOfImages(op, images);
    const channels = images.shape[images.dim() - 3];
    if (channels !== 1 && channels !== 3) {
      throw new ShapeError(`${op}: images expected 1 or 3 channels, got ${formatShape(images.shape)}`);
    }
    const [red, green, blue] = [0, 1, 2].map((c) => (channels === 3 ? images.narrow(-3, c, 1) : images));
    const gray = channels === 1 ? images : red.mul(0.2989).add(green.mul(0.587)).add(blue.mul(0.114));
    return numOutputChannels === 1 ? gray : cat([gray, gray, gray], -3);
  };
}
