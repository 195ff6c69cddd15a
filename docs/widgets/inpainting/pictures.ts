/** Where the pictures come from: the sample of CIFAR-10, or files of the visitor. */
import { decode } from "fast-png";
import { DataError, scope } from "wasmgrad";
import { fromPixels, ImageDataset, transforms } from "wasmgrad/vision";
import { SIDE } from "./shape.ts";

/** The pixels of pictures of 32x32, each as its red, green and blue plane. */
export type Planes = Uint8Array<ArrayBuffer>;

const BYTES = 3 * SIDE * SIDE;
/** A larger picture is first drawn smaller: its pixels as numbers would need too much memory. */
const LONGEST_SIDE = 1024;

export function imagesOf(planes: Planes): ImageDataset {
  return ImageDataset.fromBytes(planes, { shape: [planes.length / BYTES, 3, SIDE, SIDE] });
}

/** The images of a sheet: a PNG of 8-bit RGB, one image a row. */
export function sheetImages(png: Uint8Array): ImageDataset {
  const { data, height } = decode(png);
  return ImageDataset.fromBytes(data as Uint8Array, { shape: [height, 3, SIDE, SIDE], layout: "HWC" });
}

/** Every fifth picture is for testing. If there are fewer than ten, all are for both. */
export function split(planes: Planes): { train: Planes; test: Planes } {
  const count = planes.length / BYTES;
  if (count < 10) return { train: planes, test: planes };
  const part = (isTest: boolean) => {
    const indices = [...Array(count).keys()].filter((i) => (i % 5 === 4) === isTest);
    const chosen = new Uint8Array(indices.length * BYTES);
    indices.forEach((index, i) => {
      chosen.set(planes.subarray(index * BYTES, (index + 1) * BYTES), i * BYTES);
    });
    return chosen;
  };
  return { train: part(false), test: part(true) };
}

/** Reads files as pictures, and cuts the middle square out of each, at 32x32. Skips what is no picture. */
export async function readPictures(files: readonly File[]): Promise<Planes> {
  const pictures: Uint8Array[] = [];
  for (const file of files) {
    const bitmap = await createImageBitmap(file).catch(() => undefined);
    if (!bitmap) continue;
    pictures.push(shrink(bitmap));
    bitmap.close();
  }
  if (pictures.length === 0) throw new DataError(`no picture that this browser can read among ${files.length} files`);
  const planes = new Uint8Array(pictures.length * BYTES);
  pictures.forEach((picture, i) => {
    planes.set(picture, i * BYTES);
  });
  return planes;
}

const toSquare = transforms.compose([transforms.resize(SIDE), transforms.centerCrop(SIDE)]);

function shrink(bitmap: ImageBitmap): Uint8Array {
  const scale = Math.min(1, LONGEST_SIDE / Math.max(bitmap.width, bitmap.height));
  const [width, height] = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(side * scale)));
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0, width, height);
  return scope(() => Uint8Array.from(toSquare(fromPixels(canvas)).clamp(0, 1).mul(255).round().data()));
}
