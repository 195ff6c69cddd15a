import { describe } from "../../checks.ts";
import { DTypeError, formatShape, OptionError, ShapeError } from "../../errors.ts";
import type { Picture } from "../../plot/picture.ts";
import { expectTensor } from "../../tensor/apply.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { kindOfTypedArray } from "../../typed_arrays.ts";
import type { PixelCanvas, PixelData } from "./sources.ts";

/**
 * The pixels of an image, for `context.putImageData`, or drawn onto a canvas at once. In a browser the result
 * is an `ImageData`, else an object with the same `data`, `width` and `height`. Values are clamped to [0, 1],
 * times 255, rounded; NaN is 0.
 *
 * @param image float32 [C,H,W] in [0, 1] with 1 channel (grey), 3, or 4 (alpha); or [H,W]; or a `Picture`,
 *   such as those of `imageGrid` and `lossCurve`
 * @param canvas a canvas or an `OffscreenCanvas`, which gets the image's size and shows it
 * @throws ShapeError, DTypeError; OptionError for a canvas of another context
 * @example
 * ```ts
 * import { tensor } from "wasmgrad";
 * import { toPixels } from "wasmgrad/vision";
 * console.log([...toPixels(tensor([[0, 0.5, 1]])).data]); // [0, 0, 0, 255, 128, 128, 128, 255, 255, 255, 255, 255]
 * ```
 */
export function toPixels(image: Tensor | Picture, canvas?: PixelCanvas): PixelData {
  const op = "toPixels";
  const { data, width, height } = isPicture(image) ? pixelsOfPicture(image) : pixelsOfTensor(op, image);
  const pixels = typeof ImageData === "function" ? new ImageData(data, width, height) : { data, width, height };
  if (canvas !== undefined) draw(op, pixels, canvas);
  return pixels;
}

/** By its fields, so that a program without charts does not contain them. */
function isPicture(image: Tensor | Picture): image is Picture {
  const { data, width, height } = (image ?? {}) as Picture;
  return kindOfTypedArray(data) === "Uint8Array" && data.length === 3 * width * height;
}

type Pixels = PixelData & { readonly data: Uint8ClampedArray<ArrayBuffer> };

function pixelsOfPicture({ data: rgb, width, height }: Picture): Pixels {
  const data = new Uint8ClampedArray(4 * width * height).fill(255);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) data[4 * i + c] = rgb[3 * i + c];
  }
  return { data, width, height };
}

function pixelsOfTensor(op: string, image: Tensor): Pixels {
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
  return { data, width, height };
}

function draw(op: string, pixels: PixelData, canvas: PixelCanvas): void {
  const context = typeof canvas?.getContext === "function" ? canvas.getContext("2d") : null;
  if (!context) {
    const actual = typeof canvas?.getContext === "function" ? "a canvas of another context" : describe(canvas);
    throw new OptionError(`${op}: canvas expected a canvas with a "2d" context, got ${actual}`);
  }
  // assigning the size clears a canvas, even if it is the same
  if (canvas.width !== pixels.width || canvas.height !== pixels.height) {
    Object.assign(canvas, { width: pixels.width, height: pixels.height });
  }
  (context as { putImageData(pixels: PixelData, x: number, y: number): void }).putImageData(pixels, 0, 0);
}
