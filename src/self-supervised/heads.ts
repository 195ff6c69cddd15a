import { checkInteger } from "../checks.ts";
import { ShapeError } from "../errors.ts";
import { ReLU } from "../nn/layers/activation.ts";
import { Sequential } from "../nn/layers/container.ts";
import { ConvTranspose2d } from "../nn/layers/conv.ts";
import { expectTensor } from "../tensor/apply.ts";
import type { Tensor } from "../tensor/tensor.ts";

/**
 * A decoder from features [N,C,H/4,W/4] to pixels [N,3,H,W]. It is the decoder of the tutorial's autoencoder
 * without the sigmoid.
 */
export function pixelDecoder(features: number, hidden = 64): Sequential {
  return new Sequential(
    new ConvTranspose2d(features, hidden, { kernelSize: 2, stride: 2 }),
    new ReLU(),
    new ConvTranspose2d(hidden, 3, { kernelSize: 2, stride: 2 }),
  );
}

/**
 * The mean of the elements of x where `where` is 1. `where` has ones and zeros and broadcasts to the shape of
 * x.
 */
export function meanWhere(x: Tensor, where: Tensor): Tensor {
  expectTensor("meanWhere", "x", x);
  expectTensor("meanWhere", "where", where);
  const repeats = x.numel() / where.numel();
  return x
    .mul(where)
    .sum()
    .div(where.sum().mul(repeats).clamp({ min: 1 }));
}

/**
 * Cuts images [N,C,H,W] into patches of `size` by `size` pixels: [N,H/size,W/size,C·size·size].
 *
 * @throws ShapeError when `size` does not divide the image's height and width.
 * @example
 * ```ts
 * import { rand } from "wasmgrad";
 * import { patchify, unpatchify } from "wasmgrad/self-supervised";
 * const patches = patchify(rand([2, 3, 32, 32]), 4);
 * console.log(patches.shape, unpatchify(patches, 4).shape); // [2, 8, 8, 48] [2, 3, 32, 32]
 * ```
 */
export function patchify(images: Tensor, size: number): Tensor {
  expectTensor("patchify", "images", images);
  checkInteger("patchify", "size", size, 1);
  const [n, c, h, w] = images.shape;
  if (images.dim() !== 4 || h % size !== 0 || w % size !== 0) {
    throw new ShapeError(`patchify: expected [N,C,H,W] with sides of whole patches of ${size}, got [${images.shape}]`);
  }
  const [rows, columns] = [h / size, w / size];
  return images
    .reshape([n, c, rows, size, columns, size])
    .permute([0, 2, 4, 1, 3, 5])
    .reshape([n, rows, columns, c * size * size]);
}

/** The inverse of `patchify`. */
export function unpatchify(patches: Tensor, size: number): Tensor {
  expectTensor("unpatchify", "patches", patches);
  checkInteger("unpatchify", "size", size, 1);
  const [n, rows, columns, elements] = patches.shape;
  const c = elements / (size * size);
  return patches
    .reshape([n, rows, columns, c, size, size])
    .permute([0, 3, 1, 4, 2, 5])
    .reshape([n, c, rows * size, columns * size]);
}
