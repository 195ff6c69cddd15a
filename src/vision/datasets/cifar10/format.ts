import { DataError } from "../../../errors.ts";
import { ByteImages } from "../../../ops/image/byte_images.ts";
import type { LabelledImages } from "../image_dataset.ts";

/** Names of the classes, by label. */
export const CIFAR10_CLASSES = [
  "airplane",
  "automobile",
  "bird",
  "cat",
  "deer",
  "dog",
  "frog",
  "horse",
  "ship",
  "truck",
] as const;

const SIDE = 32;
const CHANNELS = 3;
const PIXELS = SIDE * SIDE;
export const IMAGE_BYTES = CHANNELS * PIXELS;
/** A record of the authors' binary files: a label, then the red, green and blue planes. */
export const RECORD_BYTES = 1 + IMAGE_BYTES;

/** Allocates memory for `count` images and labels. */
export function emptyCifar10(count: number): LabelledImages {
  return { images: new ByteImages(count, CHANNELS, SIDE, SIDE), labels: new Int32Array(count) };
}

function putLabel(set: LabelledImages, index: number, label: unknown, name: string, row: number): void {
  if (!Number.isInteger(label) || (label as number) < 0 || (label as number) >= CIFAR10_CLASSES.length) {
    const last = CIFAR10_CLASSES.length - 1;
    throw new DataError(
      `${name}: label of image ${row} expected an integer in [0, ${last}], got ${JSON.stringify(label)}`,
    );
  }
  set.labels[index] = label as number;
}

/** Stores a binary file of `count` records in the set, starting at image `first`. */
export function putRecords(set: LabelledImages, first: number, count: number, name: string, bytes: Uint8Array): void {
  if (bytes.length !== count * RECORD_BYTES) {
    const expected = `${count * RECORD_BYTES} bytes (${count} images of ${RECORD_BYTES})`;
    throw new DataError(`${name}: expected ${expected}, got ${bytes.length}`);
  }
  for (let i = 0; i < count; i++) putLabel(set, first + i, bytes[i * RECORD_BYTES], name, i);
  set.images.write(first, bytes, "CHW", 1);
}

/** Stores the pixels of a sheet (see `decodeSheet`) in the set, starting at image `first`. */
export function putSheet(set: LabelledImages, first: number, pixels: Uint8Array): void {
  set.images.write(first, pixels, "HWC");
}

/** Stores a JSON array of `count` labels in the set, starting at the first image. */
export function putLabels(set: LabelledImages, name: string, json: string): void {
  let labels: unknown;
  try {
    labels = JSON.parse(json);
  } catch (cause) {
    throw new DataError(`${name}: expected a JSON array of labels: ${(cause as Error).message}`, { cause });
  }
  const { count } = set.images;
  if (!Array.isArray(labels) || labels.length !== count) {
    const actual = Array.isArray(labels) ? `${labels.length} elements` : typeof labels;
    throw new DataError(`${name}: expected a JSON array of ${count} labels, got ${actual}`);
  }
  labels.forEach((label, i) => {
    putLabel(set, i, label, name, i);
  });
}
