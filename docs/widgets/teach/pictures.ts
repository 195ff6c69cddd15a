/** Pictures as the encoder sees them: 32 x 32 pixels, which the library computes from pictures of any size. */
import { scope, type Tensor, tensor } from "wasmgrad";
import { fromPixels, type PixelData, toPixels, transforms } from "wasmgrad/vision";

/** Height and width of the pictures that the encoder was trained on. */
export const SIDE = 32;

const resize = transforms.compose([transforms.resize(SIDE), transforms.centerCrop(SIDE)]);

/** The bytes (RGBA) of a picture's square centre, resized to 32 x 32 pixels. */
export function shrink(picture: PixelData): Uint8ClampedArray<ArrayBuffer> {
  return scope(() => Uint8ClampedArray.from(toPixels(resize(fromPixels(picture))).data));
}

/** A batch [N,3,32,32] in [0, 1] of pictures that are RGBA bytes. */
export function batchOf(pictures: readonly Uint8ClampedArray[]): Tensor {
  const plane = SIDE * SIDE;
  const values = new Float32Array(pictures.length * 3 * plane);
  pictures.forEach((bytes, n) => {
    for (let c = 0; c < 3; c++) {
      for (let i = 0; i < plane; i++) values[(3 * n + c) * plane + i] = bytes[4 * i + c] / 255;
    }
  });
  return tensor(values, { shape: [pictures.length, 3, SIDE, SIDE] });
}
