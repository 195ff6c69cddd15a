import { checkPair, type Pair } from "../checks.ts";
import { DTypeError, formatShape, ShapeError } from "../errors.ts";
import { expectTensor } from "../tensor/apply.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** An image size: one number, or [height, width]. */
export type ImageSize = Pair;

/** Height and width of `images`, which must be float32 [N,C,H,W] or [C,H,W] with pixels. */
export function sizeOfImages(op: string, images: Tensor): [height: number, width: number] {
  expectTensor(op, "images", images);
  const { shape, dtype } = images;
  if (dtype !== "float32") throw new DTypeError(`${op}: images expected float32, got ${dtype}`);
  if ((shape.length !== 3 && shape.length !== 4) || shape.slice(-3).includes(0)) {
    throw new ShapeError(`${op}: images expected [N,C,H,W] or [C,H,W] with pixels, got ${formatShape(shape)}`);
  }
  return [shape[shape.length - 2], shape[shape.length - 1]];
}

/** Runs `run` on a batch: a single image [C,H,W] is a batch of one image. */
export function asBatch(images: Tensor, run: (batch: Tensor) => Tensor): Tensor {
  return images.dim() === 4 ? run(images) : run(images.unsqueeze(0)).squeeze(0);
}

/** The part of images that begins at pixel (top, left). */
export function cropImages(images: Tensor, top: number, left: number, height: number, width: number): Tensor {
  return images.narrow(-2, top, height).narrow(-1, left, width);
}

export function checkImageSize(op: string, size: ImageSize): [number, number] {
  return checkPair(op, "size", size, 1);
}

/** Rounds as Python: halves go to the even neighbour. */
export function roundHalfEven(x: number): number {
  const below = Math.floor(x);
  if (x - below !== 0.5) return Math.round(x);
  return below % 2 === 0 ? below : below + 1;
}
