import { offset } from "../../runtime/address.ts";
import type { Block } from "../../runtime/block.ts";
import { allocateBlock, withFrame } from "../../runtime/frame.ts";
import { u8View } from "../../runtime/memory.ts";
import { empty, floatTable, intTable, type NDArray, scratch } from "../core/array.ts";
import { kernels, launch } from "./kernels.ts";

/**
 * The layout of an image's bytes: one plane per channel, or the channels of each pixel next to each other;
 * "RGBA": four bytes per pixel, of which the first three are kept.
 */
export type ByteLayout = "CHW" | "HWC" | "RGBA";

const finalizer = new FinalizationRegistry<Block>((block) => block.release());

/**
 * The images of a data set: uint8 [N, C, H, W] in WebAssembly memory, a quarter of the size of float32.
 * `gather` makes float32 batches from them. The code that creates the images should release them; otherwise
 * the garbage collector does.
 */
export class ByteImages {
  readonly count: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly #block: Block;
  #released = false;

  /** Allocates `count` images with undefined contents: see `write`. */
  constructor(count: number, channels: number, height: number, width: number) {
    this.count = count;
    this.channels = channels;
    this.height = height;
    this.width = width;
    this.#block = withFrame(() => {
      const block = allocateBlock(count * channels * height * width);
      block.retain();
      return block;
    });
    finalizer.register(this, this.#block, this);
  }

  /** Number of elements in one channel of an image. */
  get plane(): number {
    return this.height * this.width;
  }

  /** Number of bytes of an image. */
  get imageBytes(): number {
    return this.channels * this.plane;
  }

  get released(): boolean {
    return this.#released;
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    finalizer.unregister(this);
    this.#block.release();
  }

  /**
   * Copies whole images from `bytes` to images `first`, `first + 1` …
   *
   * @param skip bytes to skip before each image (a label).
   */
  write(first: number, bytes: Uint8Array, layout: ByteLayout, skip = 0): void {
    if (layout === "RGBA") {
      this.write(first, withoutAlpha(bytes), "HWC");
      return;
    }
    const { imageBytes, channels, plane } = this;
    const count = bytes.length / (imageBytes + skip);
    if (!Number.isInteger(count) || first + count > this.count) {
      throw new Error(`ByteImages.write: ${bytes.length} bytes at image ${first} of ${this.count}`);
    }
    withFrame(() => {
      const to = offset(this.#block.address, first * imageBytes);
      const from = scratch(bytes.length);
      u8View(from, bytes.length).set(bytes);
      if (layout === "CHW") launch("stripRecords", count, IMAGE_GRAIN, from, skip, imageBytes, to);
      else launch("interleavedToPlanar", count, IMAGE_GRAIN, from, channels, plane, to);
    });
  }

  /**
   * float32 [B, C, H, W]: `(images[indices[b]] / 255 - mean) / std` in one pass. Must be called inside a
   * frame.
   */
  gather(indices: readonly number[], mean: readonly number[], std: readonly number[]): NDArray {
    const { channels, height, width, plane } = this;
    const out = empty([indices.length, channels, height, width]);
    launch(
      "gatherImages",
      indices.length * channels,
      Math.ceil(16384 / Math.max(1, plane)),
      this.#block.address,
      intTable(indices),
      channels,
      plane,
      floatTable(mean),
      floatTable(std),
      out.address,
    );
    return out;
  }

  /**
   * float32 [2, C]: mean and population standard deviation of each channel, for pixels in [0, 1]. Must be
   * called inside a frame.
   */
  statistics(): NDArray {
    const { count, channels, plane } = this;
    const planes = count * channels;
    const moments = scratch(2 * planes * 8);
    launch("planeMoments", planes, Math.ceil(16384 / Math.max(1, plane)), this.#block.address, plane, planes, moments);
    const sums = scratch(2 * channels * 8);
    launch("sumPartials", 2 * channels, 1, moments, sums, count, channels);
    const out = empty([2, channels]);
    kernels().meanAndStd(sums, channels, count * plane, out.address);
    return out;
  }
}

/** Number of images that a thread takes at a time in `write`. */
const IMAGE_GRAIN = 16;

function withoutAlpha(pixels: Uint8Array): Uint8Array {
  const out = new Uint8Array((pixels.length / 4) * 3);
  for (let from = 0, to = 0; from < pixels.length; from += 4) {
    out[to++] = pixels[from];
    out[to++] = pixels[from + 1];
    out[to++] = pixels[from + 2];
  }
  return out;
}
