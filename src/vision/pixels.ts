import { describe, readOptions } from "../checks.ts";
import { DTypeError, formatShape, OptionError, ShapeError } from "../errors.ts";
import { ByteImages } from "../ops/image/byte_images.ts";
import { expectTensor } from "../tensor/apply.ts";
import { leaf } from "../tensor/leaf.ts";
import { scope } from "../tensor/lifetime/scoped.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { kindOfTypedArray } from "../typed_arrays.ts";

/** Pixels row by row, four bytes each: red, green, blue, alpha. A browser's `ImageData` is one. */
export interface PixelData {
  readonly data: Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}

/** The part of a canvas, or an `OffscreenCanvas`, that `fromPixels` uses. */
export interface PixelCanvas {
  readonly width: number;
  readonly height: number;
  getContext(type: "2d"): unknown;
}

/**
 * An image as float32 [C,H,W] in [0, 1], from the pixels of a browser.
 *
 * @param source an `ImageData`, a canvas with a "2d" context, or any object with `data` (RGBA), `width`,
 *   `height`. Draw a video's picture or an image element onto a canvas first.
 * @param options `channels`: 3 (default; alpha is ignored), 4, or 1 (grey: `0.2989 r + 0.587 g + 0.114 b`)
 * @throws OptionError for anything else.
 * @example
 * ```ts
 * import { fromPixels } from "wasmgrad/vision";
 * const data = new Uint8ClampedArray([255, 0, 51, 255, 0, 255, 102, 255]);
 * console.log(fromPixels({ data, width: 2, height: 1 }).toArray()); // [[[1, 0]], [[0, 1]], [[0.2, 0.4]]]
 * ```
 */
export function fromPixels(source: PixelData | PixelCanvas, options?: { channels?: 1 | 3 | 4 }): Tensor {
  const op = "fromPixels";
  const { channels } = readOptions(op, options, { channels: 3 as 1 | 3 | 4 });
  if (![1, 3, 4].includes(channels))
    throw new OptionError(`${op}: channels expected 1, 3 or 4, got ${describe(channels)}`);
  const { data, width, height } = pixelsOf(op, source);
  const images = new ByteImages(1, 4, height, width);
  try {
    return scope(() => {
      images.write(0, new Uint8Array(data.buffer, data.byteOffset, data.length), "HWC");
      const all = leaf(() => images.gather([0], [0, 0, 0, 0], [1, 1, 1, 1]).withShape([4, height, width]));
      if (channels !== 1) return all.narrow(0, 0, channels);
      const [red, green, blue] = [0, 1, 2].map((c) => all.narrow(0, c, 1));
      return red.mul(0.2989).add(green.mul(0.587)).add(blue.mul(0.114));
    });
  } finally {
    images.release();
  }
}

function pixelsOf(op: string, source: PixelData | PixelCanvas): PixelData {
  const expected = "expected ImageData, a canvas, or { data, width, height }";
  if (typeof (source as PixelCanvas)?.getContext === "function") {
    const canvas = source as PixelCanvas;
    const context = canvas.getContext("2d") as { getImageData?: (...box: number[]) => PixelData } | null;
    if (!context?.getImageData) throw new OptionError(`${op}: ${expected}, got a canvas without a "2d" context`);
    return pixelsOf(op, context.getImageData(0, 0, canvas.width, canvas.height));
  }
  const { data, width, height } = (source ?? {}) as PixelData;
  const kind = kindOfTypedArray(data);
  if (kind !== "Uint8ClampedArray" && kind !== "Uint8Array") {
    throw new OptionError(`${op}: ${expected} with bytes as data, got ${describe(source)}`);
  }
  if (![width, height].every((side) => Number.isInteger(side) && side > 0) || data.length !== 4 * width * height) {
    throw new OptionError(`${op}: expected 4 · width · height bytes, got ${data.length} for ${width} x ${height}`);
  }
  return { data, width, height };
}

/**
 * The pixels of an image, for `context.putImageData` of a canvas. In a browser the result is an `ImageData`,
 * else an object with the same `data`, `width` and `height`. Values are clamped to [0, 1], times 255,
 * rounded; NaN is 0.
 *
 * @param image float32 [C,H,W] in [0, 1] with 1 channel (grey), 3, or 4 (alpha); or [H,W]
 * @throws ShapeError, DTypeError
 * @example
 * ```ts
 * import { tensor } from "wasmgrad";
 * import { toPixels } from "wasmgrad/vision";
 * console.log([...toPixels(tensor([[0, 0.5, 1]])).data]); // [0, 0, 0, 255, 128, 128, 128, 255, 255, 255, 255, 255]
 * ```
 */
export function toPixels(image: Tensor): PixelData {
  const op = "toPixels";
  expectTensor(op, "image", image);
  const { shape, dtype } = image;
  const [channels, height, width] = shape.length === 2 ? [1, ...shape] : shape;
  if (dtype !== "float32") throw new DTypeError(`${op}: image expected float32, got ${dtype}`);
  if (shape.length < 2 || shape.length > 3 || ![1, 3, 4].includes(channels) || height * width === 0) {
    throw new ShapeError(`${op}: image expected [C,H,W] with 1, 3 or 4 channels, or [H,W], got ${formatShape(shape)}`);
  }
  const values = image.data();
  const plane = height * width;
  const data = new Uint8ClampedArray(4 * plane);
  for (let i = 0; i < plane; i++) {
    for (let c = 0; c < 3; c++) data[4 * i + c] = Math.round(255 * values[(channels === 1 ? 0 : c) * plane + i]);
    data[4 * i + 3] = channels === 4 ? Math.round(255 * values[3 * plane + i]) : 255;
  }
  return typeof ImageData === "function" ? new ImageData(data, width, height) : { data, width, height };
}
