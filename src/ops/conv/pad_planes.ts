import { type Address, offset } from "../../runtime/address.ts";
import { type NDArray, scratch } from "../core/array.ts";
import { launch } from "./kernels.ts";

/** Planes that a thread pads at a time. */
const GRAIN = 8;

/**
 * Images that a pass reads with zeros around them: the images of an array, or the gradient before ReLU and
 * pooling (relu_pool.ts).
 */
export interface PaddedImages {
  readonly channels: number;
  /**
   * Returns the address of images first … first+count-1 in planes of the given size, `padding` from the top
   * and left, with zeros around them. Images that already have that size are not copied; otherwise the planes
   * are in the running frame's scratch memory.
   */
  pad(first: number, count: number, padding: readonly [number, number], height: number, width: number): Address;
}

/** The images of an array [N, C, H, W]. */
export function imagesOf(x: NDArray): PaddedImages {
  const [, channels, height, width] = x.shape;
  return {
    channels,
    pad(first, count, padding, paddedHeight, paddedWidth) {
      const from = offset(x.address, 4 * first * channels * height * width);
      if (paddedHeight === height && paddedWidth === width) return from;
      const padded = scratch(4 * count * channels * paddedHeight * paddedWidth);
      launch("padPlanes", count * channels, GRAIN, from, height, width, ...padding, padded, paddedHeight, paddedWidth);
      return padded;
    },
  };
}
