import { checkBoolean, checkChoice, describe, readOptions } from "../../checks.ts";
import { formatShape, OptionError, ShapeError } from "../../errors.ts";
import { type BlobLike, isBlob } from "../../io/pieces.ts";
import { ByteImages, type ByteLayout } from "../../ops/image/byte_images.ts";
import { startingThreads } from "../../runtime/start_threads.ts";
import { ones } from "../../tensor/fill.ts";
import { cat, stack } from "../../tensor/functions.ts";
import { leaf } from "../../tensor/leaf.ts";
import { Scope } from "../../tensor/lifetime/scope.ts";
import { scope } from "../../tensor/lifetime/scoped.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type Bytes, isBuffer } from "../../typed_arrays.ts";
import { centerCrop, makeResizer, pad, type ResizeOptions } from "../geometry.ts";
import { checkImageSize, type ImageSize, roundHalfEven } from "../image_shape.ts";
import { decodeNamed, readImageFile } from "../images/decode.ts";
import { DecodedImage } from "../images/decoded_image.ts";
import { type PixelCanvas, type PixelData, type PixelPicture, readPixels } from "./sources.ts";

/** What `fromPixels` takes: pixels that are there already. */
export type PixelSource = PixelData | PixelCanvas | PixelPicture | DecodedImage;

export interface FromPixelsOptions extends ResizeOptions {
  /** 3 (default; alpha is ignored), 4, or 1 (grey: `0.2989 r + 0.587 g + 0.114 b`). */
  channels?: 1 | 3 | 4;
  /** The size of the result: one number for both sides, or [height, width]. Default: that of the source. */
  size?: ImageSize;
  /**
   * How an image of another shape gets `size`, as CSS's object-fit: "fill" (default) changes its shape,
   * "cover" keeps it and cuts off two edges, "contain" keeps it and adds black edges.
   */
  fit?: "fill" | "cover" | "contain";
}

const DEFAULTS = {
  channels: 3 as 1 | 3 | 4,
  size: undefined as ImageSize | undefined,
  fit: "fill" as "fill" | "cover" | "contain",
  interpolation: "bilinear" as ResizeOptions["interpolation"],
  antialias: true,
};

/**
 * An image as float32 [C,H,W] in [0, 1], or a batch [N,C,H,W] from an array of sources. With `size` they may
 * have different sizes: the library's own resize (see `transforms.resize`) gives the same bits everywhere.
 *
 * Exact are `ImageData`, an object with bytes, a decoded image, and opaque pixels of a canvas. An `<img>`, an
 * `ImageBitmap`, a `<video>` and a `VideoFrame` are decoded by the browser and drawn onto a canvas, which may
 * convert colours; a canvas stores colours multiplied by alpha, so those of translucent pixels are rounded.
 *
 * @param source an `ImageData`, a canvas, an `<img>` that is loaded, an `ImageBitmap`, a `<video>`, a
 *   `VideoFrame`, a result of `readImage` or `decodeImage`, any object with `data` (RGBA), `width` and
 *   `height`; or an array of these
 * @param options `channels`: 3 (default; alpha is ignored), 4, or 1 (grey: `0.2989 r + 0.587 g + 0.114 b`);
 *   `size`, `fit`, `interpolation`, `antialias`: how it is resized
 * @throws OptionError for anything else; ShapeError for a batch of different sizes without `size`; DataError
 *   when the browser does not let the page read a picture of another origin.
 * @example
 * ```ts
 * import { fromPixels } from "wasmgrad/vision";
 * const data = new Uint8ClampedArray([255, 0, 51, 255, 0, 255, 102, 255]);
 * const wide = { data, width: 2, height: 1 };
 * const high = { data, width: 1, height: 2 };
 * console.log(fromPixels(wide).toArray()); // [[[1, 0]], [[0, 1]], [[0.2, 0.4]]]
 * console.log(fromPixels([wide, high], { size: 32 }).shape); // [2, 3, 32, 32]
 * ```
 */
export function fromPixels(source: PixelSource | readonly PixelSource[], options?: FromPixelsOptions): Tensor {
  const op = "fromPixels";
  const convert = readConversion(op, options);
  if (!Array.isArray(source)) return convert(source as PixelSource);
  return scope(() => batched(op, source.map(convert)));
}

/** What `fromPixelsAsync` takes: files of images too. */
export type EncodedPixelSource = PixelSource | BlobLike | Bytes;

/**
 * `fromPixels` that takes files of images too: a `Blob` or `File` (from an `<input>`, a drop, `fetchFile`),
 * or a file's bytes. PNG is decoded by the library, with the same bits everywhere. JPEG and WebP are decoded
 * as `decodeImage` says.
 *
 * @throws as `fromPixels` and `decodeImage`
 * @example
 * ```ts
 * import { encodePNG, fromPixelsAsync, Picture } from "wasmgrad/vision";
 * const files = [new Picture(40, 30), new Picture(20, 50)].map((picture) => new Blob([encodePNG(picture)]));
 * console.log((await fromPixelsAsync(files, { size: [24, 32], channels: 1 })).shape); // [2, 1, 24, 32]
 * ```
 */
export async function fromPixelsAsync(
  source: EncodedPixelSource | readonly EncodedPixelSource[],
  options?: FromPixelsOptions & { applyExifOrientation?: boolean },
): Promise<Tensor> {
  const op = "fromPixelsAsync";
  const { applyExifOrientation = false, ...rest } = options ?? {};
  const convert = readConversion(op, rest);
  const exif = checkBoolean(op, "applyExifOrientation", applyExifOrientation);
  const own = new Scope(op, { enter: false });
  const make = async (item: EncodedPixelSource) => {
    const pixels = await decoded(op, item, exif);
    return own.run(() => convert(pixels));
  };
  return startingThreads(async () => {
    try {
      let image: Tensor;
      if (Array.isArray(source)) {
        const made: Tensor[] = [];
        // one after the other, because pictures are large
        for (const item of source) made.push(await make(item));
        image = own.run(() => batched(op, made));
      } else {
        image = await make(source as EncodedPixelSource);
      }
      own.moveToParent(image);
      return image;
    } finally {
      own.close();
    }
  });
}

/** Decodes files; passes on everything else. */
async function decoded(op: string, source: EncodedPixelSource, applyExifOrientation: boolean): Promise<PixelSource> {
  if (!isBlob(source) && !isBuffer(source) && !ArrayBuffer.isView(source)) return source as PixelSource;
  return decodeNamed(...(await readImageFile(op, source)), { mode: "unchanged", applyExifOrientation });
}

/** Checks the options. Returns a function that makes an image [C,H,W] from a source. */
function readConversion(op: string, options?: FromPixelsOptions): (source: PixelSource) => Tensor {
  const { channels, size, fit, interpolation = "bilinear", antialias } = readOptions(op, options, DEFAULTS);
  if (![1, 3, 4].includes(channels))
    throw new OptionError(`${op}: channels expected 1, 3 or 4, got ${describe(channels)}`);
  checkChoice(op, "fit", fit, ["fill", "cover", "contain"]);
  const resize = makeResizer(op, { interpolation, antialias });
  const sides = size === undefined ? undefined : checkImageSize(op, size);
  return (source) =>
    scope(() => {
      const image = imageOf(op, source, channels);
      if (!sides) return image;
      if (fit === "fill") return resize(image, sides);
      const [, height, width] = image.shape;
      const scales = [sides[0] / height, sides[1] / width];
      const scale = fit === "cover" ? Math.max(...scales) : Math.min(...scales);
      const fitted = [height, width].map((side) => Math.max(1, roundHalfEven(side * scale))) as [number, number];
      const resized = resize(image, fitted);
      return fit === "cover" ? centerCrop(sides)(resized) : padded(resized, sides);
    });
}

/** Adds black edges on all sides until the image has a size. */
function padded(image: Tensor, [height, width]: readonly [number, number]): Tensor {
  const [down, across] = [height - image.shape[1], width - image.shape[2]];
  const [top, left] = [Math.floor(down / 2), Math.floor(across / 2)];
  return pad([left, top, across - left, down - top])(image);
}

function batched(op: string, images: readonly Tensor[]): Tensor {
  if (images.length === 0) throw new OptionError(`${op}: expected at least one image, got an empty array`);
  const other = images.find(({ shape }) => formatShape(shape) !== formatShape(images[0].shape));
  if (other) {
    const shapes = `${formatShape(images[0].shape)} and ${formatShape(other.shape)}`;
    throw new ShapeError(`${op}: expected images of the same size, or the option size, got ${shapes}`);
  }
  return stack([...images]);
}

function imageOf(op: string, source: PixelSource, channels: 1 | 3 | 4): Tensor {
  if (source instanceof DecodedImage) {
    const [count, height, width] = source.shape;
    return withChannels(planes(source.data, "CHW", count, height, width), channels);
  }
  const { data, width, height } = readPixels(op, source);
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.length);
  const image = channels === 4 ? planes(bytes, "HWC", 4, height, width) : planes(bytes, "RGBA", 3, height, width);
  return withChannels(image, channels);
}

function planes(bytes: Uint8Array, layout: ByteLayout, channels: number, height: number, width: number): Tensor {
  const images = new ByteImages(1, channels, height, width);
  try {
    images.write(0, bytes, layout);
    const [zeros, ones] = [0, 1].map((value) => new Array<number>(channels).fill(value));
    return leaf(() => images.gather([0], zeros, ones).withShape([channels, height, width]));
  } finally {
    images.release();
  }
}

/** Converts an image of 1 (grey), 2 (grey, alpha), 3 (red, green, blue) or 4 channels. */
function withChannels(image: Tensor, wanted: 1 | 3 | 4): Tensor {
  const [count, height, width] = image.shape;
  if (count === wanted) return image;
  const channel = (c: number) => image.narrow(0, c, 1);
  const isGray = count <= 2;
  if (wanted === 1) {
    return isGray ? channel(0) : channel(0).mul(0.2989).add(channel(1).mul(0.587)).add(channel(2).mul(0.114));
  }
  const colors = isGray ? [0, 0, 0].map(channel) : [0, 1, 2].map(channel);
  if (wanted === 3) return cat(colors, 0);
  return cat([...colors, count === 2 ? channel(1) : ones([1, height, width])], 0);
}
