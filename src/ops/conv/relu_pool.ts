import { type Address, offset } from "../../runtime/address.ts";
import { empty, type NDArray, scratch } from "../core/array.ts";
import type { Conv2dGeometry } from "./geometry.ts";
import { launch } from "./kernels.ts";
import type { PaddedImages } from "./pad_planes.ts";

/**
 * Backward passes of ReLU and 2x2 max pooling, computed from the gradient and the argmax codes. See
 * assembly/conv/relu_pool.ts.
 */

/** Planes, or channels, that a thread takes at a time. */
const GRAIN = 8;

/** The gradient before ReLU and pooling, written a few images at a time with zeros around them. */
export class UnpooledImages implements PaddedImages {
  readonly channels: number;
  readonly #dy: NDArray;
  readonly #argmaxCodes: NDArray;

  constructor(dy: NDArray, argmaxCodes: NDArray) {
    this.channels = dy.shape[1];
    this.#dy = dy;
    this.#argmaxCodes = argmaxCodes;
  }

  pad(first: number, count: number, padding: readonly [number, number], height: number, width: number): Address {
    const to = scratch(4 * count * this.channels * height * width);
    this.write(first, count, to, padding, height, width);
    return to;
  }

  write(first: number, count: number, to: Address, padding: readonly [number, number], height: number, width: number) {
    const [, channels, pooledHeight, pooledWidth] = this.#dy.shape;
    const before = first * channels * pooledHeight * pooledWidth;
    // biome-ignore format: the kernel's argument list
    launch(
      "unpool", count * channels, GRAIN, offset(this.#dy.address, 4 * before), offset(this.#argmaxCodes.address, before),
      pooledHeight, pooledWidth, to, height, width, ...padding,
    );
  }
}

/** The whole gradient before ReLU and pooling, [N, Co, OH, OW]. */
export function unpool(dy: NDArray, argmaxCodes: NDArray, g: Conv2dGeometry): NDArray {
  const dOut = empty([g.images, g.outChannels, g.outHeight, g.outWidth]);
  new UnpooledImages(dy, argmaxCodes).write(0, g.images, dOut.address, [0, 0], g.outHeight, g.outWidth);
  return dOut;
}

/**
 * The transpose of `unpool`: the elements of `x` [N, Co, OH, OW] at the maxima, [N, Co, OH >> 1, OW >> 1].
 */
export function pickMaxima(x: NDArray, argmaxCodes: NDArray, g: Conv2dGeometry): NDArray {
  const [height, width] = [g.outHeight >> 1, g.outWidth >> 1];
  const out = empty([g.images, g.outChannels, height, width]);
  // biome-ignore format: the kernel's argument list
  launch(
    "pickMaxima", g.images * g.outChannels, GRAIN, x.address, argmaxCodes.address, g.outHeight, g.outWidth,
    out.address, height, width,
  );
  return out;
}

/** The gradient of the bias, [Co]: the sum per channel of the gradient before ReLU and pooling. */
export function pooledChannelSums(dy: NDArray, argmaxCodes: NDArray): NDArray {
  const [images, channels, height, width] = dy.shape;
  const sums = empty([channels]);
  const sizes = [images, channels, height * width] as const;
  launch("pooledChannelSums", channels, GRAIN, dy.address, argmaxCodes.address, ...sizes, sums.address);
  return sums;
}
