import { tensor } from "../../tensor/creation.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/**
 * Channels of a decoded image: those of the file, one of brightness, or red, green and blue. Alpha is dropped
 * from the last two.
 */
export type ImageMode = "unchanged" | "gray" | "rgb";

/** Pixels as decoders return them: the channels of each pixel next to each other. */
export interface Pixels {
  width: number;
  height: number;
  data: Uint8Array | Uint8ClampedArray;
  /** Bytes per pixel in `data`. */
  stride: number;
  /** Channels of the file: 1 (gray), 2 (gray, alpha), 3 (red, green, blue) or 4 (with alpha). */
  channels: 1 | 2 | 3 | 4;
}

const BYTE_TO_UNIT = Float32Array.from({ length: 256 }, (_, byte) => byte / 255);

/** A decoded image: uint8 [C,H,W]. */
export class DecodedImage {
  /** The bytes of each channel, row by row. */
  readonly data: Uint8Array;
  /** `[C, H, W]`, where C is 1 (gray), 2 (gray, alpha), 3 (red, green, blue) or 4 (with alpha). */
  readonly shape: readonly [number, number, number];

  constructor(data: Uint8Array, shape: readonly [number, number, number]) {
    this.data = data;
    this.shape = shape;
  }

  /** The image as float32 [C,H,W] in [0, 1]: `byte / 255`. */
  toTensor(): Tensor {
    const { data, shape } = this;
    const values = new Float32Array(data.length); // Float32Array.from() takes a hundred times as long
    for (let i = 0; i < data.length; i++) values[i] = BYTE_TO_UNIT[data[i]];
    return tensor(values, { shape });
  }
}

/** Takes the channels that `mode` asks for, one plane each. */
export function toPlanes({ width, height, data, stride, channels }: Pixels, mode: ImageMode): DecodedImage {
  const plane = width * height;
  const isGray = channels <= 2;
  const wanted = mode === "unchanged" ? channels : mode === "gray" ? 1 : 3;
  const planes = new Uint8Array(wanted * plane);
  if (wanted === 3 && !isGray) {
    for (let i = 0, at = 0; i < plane; i++, at += stride) {
      planes[i] = data[at];
      planes[i + plane] = data[at + 1];
      planes[i + 2 * plane] = data[at + 2];
    }
  } else if (mode === "gray" && !isGray) {
    for (let i = 0, at = 0; i < plane; i++, at += stride) planes[i] = brightness(data[at], data[at + 1], data[at + 2]);
  } else {
    for (let c = 0; c < wanted; c++) {
      const from = mode === "rgb" && isGray ? 0 : c;
      for (let i = c * plane, at = from; i < (c + 1) * plane; i++, at += stride) planes[i] = data[at];
    }
  }
  return new DecodedImage(planes, [wanted, height, width]);
}

/** `0.299 r + 0.587 g + 0.114 b` in whole numbers, rounded, as Pillow computes it. */
function brightness(r: number, g: number, b: number): number {
  return (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16;
}
