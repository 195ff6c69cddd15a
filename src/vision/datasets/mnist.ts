import { DataError } from "../../errors.ts";
import { joinPath } from "../../io/files.ts";
import { ByteImages } from "../../ops/image/byte_images.ts";
import { startingThreads } from "../../runtime/start_threads.ts";
import { checkMd5 } from "./archive.ts";
import { fetchFiles, fetchInPage, type PublishedFile } from "./fetch_files.ts";
import { gunzip, readIdx } from "./idx.ts";
import { ImageDataset, type LabelledImages } from "./image_dataset.ts";
import { type PublishedSetOptions, readSetOptions } from "./options.ts";
import { openSetFolder, type SetFile, type SetFolder } from "./set_folder.ts";

/** Where a set of the MNIST family comes from. Tests use a local server and small files. */
export interface MnistSource {
  /** The set's name, which is also its folder's. */
  name: string;
  /** MD5 of the compressed training images, training labels, test images and test labels. */
  md5: readonly [string, string, string, string];
  addresses: readonly string[];
  classes: readonly string[];
}

const DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];

const MNIST_SOURCE: MnistSource = {
  name: "MNIST",
  md5: [
    "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "d53e105ee54ea40749a09fcbcd1e9432",
    "9fb629c4189551a2d022fa330f9573f3",
    "ec29112dd5afa0611ce80d1b7f02629c",
  ],
  addresses: ["https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/"],
  classes: DIGITS.map((word, digit) => `${digit} - ${word}`),
};

const FASHION_SOURCE: MnistSource = {
  name: "FashionMNIST",
  md5: [
    "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "25c81989df183df01b3e8a0aad5dffbe",
    "bef4ecab320f06d8554ea6380940ec79",
    "bb300cfdad3c16e7a12a480ee83cd310",
  ],
  addresses: ["http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"],
  classes: ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"],
};

/**
 * MNIST: 60,000 training and 10,000 test images of handwritten digits, grey, 28 x 28 pixels. Matches
 * `torchvision.datasets.MNIST`.
 *
 * see: LeCun, Bottou, Bengio, Haffner, "Gradient-Based Learning Applied to Document Recognition", 1998
 */
export class MNIST extends ImageDataset {
  /**
   * Reads the set from `root/MNIST/raw`, as torchvision stores it, or from `root`: `train-images-idx3-ubyte`,
   * `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte`, `t10k-labels-idx1-ubyte`, or the same files with
   * `.gz`. With `download: true` missing files are downloaded to the first folder; their MD5 is checked.
   *
   * @param options `root`; `train` (default true), `download` (default false), `transform`, `url`: the
   *   address of a folder with the compressed files
   * @throws DataError when files are missing, truncated, corrupt or not IDX files, or a download fails.
   * @example
   * ```ts
   * import { MNIST } from "wasmgrad/vision";
   * try {
   *   const trainset = await MNIST.load({ root: "./nowhere" });
   *   console.log(trainset.length); // 60000
   * } catch (error) {
   *   console.log((error as Error).message); // lists the files it looked for, and suggests download: true
   * }
   * ```
   */
  static async load(options: PublishedSetOptions): Promise<MNIST> {
    return startingThreads(() => loadMnist(MNIST, options, MNIST_SOURCE));
  }
}

/**
 * Fashion-MNIST: 60,000 training and 10,000 test images of clothes, grey, 28 x 28 pixels. Matches
 * `torchvision.datasets.FashionMNIST`.
 *
 * see: Xiao, Rasul, Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning
 * Algorithms", 2017
 */
export class FashionMNIST extends ImageDataset {
  /**
   * Reads the set from `root/FashionMNIST/raw`, as torchvision stores it, or from `root`. Files and options
   * are those of `MNIST.load`.
   *
   * @throws DataError as `MNIST.load`.
   * @example
   * ```ts
   * import { FashionMNIST } from "wasmgrad/vision";
   * try {
   *   const testset = await FashionMNIST.load({ root: "./nowhere", train: false });
   *   console.log(testset.length); // 10000
   * } catch (error) {
   *   console.log((error as Error).message); // lists the files it looked for, and suggests download: true
   * }
   * ```
   */
  static async load(options: PublishedSetOptions): Promise<FashionMNIST> {
    return startingThreads(() => loadMnist(FashionMNIST, options, FASHION_SOURCE));
  }
}

type SetClass<T> = new (...args: ConstructorParameters<typeof ImageDataset>) => T;

/** `MNIST.load` with files from the given source. */
export async function loadMnist<T extends ImageDataset>(
  Class: SetClass<T>,
  options: PublishedSetOptions,
  source: MnistSource,
): Promise<T> {
  const op = `${source.name}.load`;
  const { root, train, download, transform, url } = readSetOptions(op, options);
  const part = train ? "train" : "t10k";
  const names = [`${part}-images-idx3-ubyte`, `${part}-labels-idx1-ubyte`];
  const addresses = url === undefined ? source.addresses : [url.endsWith("/") ? url : `${url}/`];
  const packed = names.map((name, i): PublishedFile => {
    const file = `${name}.gz`;
    return { name: file, md5: source.md5[train ? i : 2 + i], addresses: addresses.map((address) => address + file) };
  });
  const folder = openSetFolder(op, root);
  const inner = [`${source.name}/raw/`, ""];
  let files = await readPair(folder, inner, names, packed);
  if (!files && download) {
    if (folder.path === undefined) {
      files = await Promise.all(packed.map(async (file) => unpack(await fetchInPage(op, folder, file), file)));
    } else {
      await fetchFiles(op, joinPath(folder.path, source.name, "raw"), packed);
      files = await readPair(folder, inner, names, packed);
    }
  }
  if (!files) {
    throw new DataError(
      `${op}: no ${train ? "training" : "test"} images under ${folder.name}: expected ${names.join(" and ")}, or the same ` +
        `with .gz, there or in ${inner[0]}. With download: true they are downloaded.`,
    );
  }
  const set = labelledImages(files);
  try {
    return new Class(set, source.classes, transform);
  } catch (error) {
    set.images.release();
    throw error;
  }
}

interface NamedBytes {
  path: string;
  bytes: Uint8Array;
}

/** Both files of a part, from the first inner folder that has them. Undefined if none has. */
async function readPair(
  folder: SetFolder,
  inner: readonly string[],
  names: readonly string[],
  packed: readonly PublishedFile[],
): Promise<NamedBytes[] | undefined> {
  for (const path of inner) {
    const found: NamedBytes[] = [];
    for (const [i, name] of names.entries()) {
      const plain = await folder.find(path + name);
      const file = plain ?? (await folder.find(path + packed[i].name));
      if (!file) break;
      found.push(plain ? { path: file.name, bytes: await file.bytes() } : await unpack(file, packed[i]));
    }
    if (found.length === names.length) return found;
  }
  return undefined;
}

async function unpack(file: SetFile, { md5 }: PublishedFile): Promise<NamedBytes> {
  await checkMd5(file, md5);
  return { path: file.name, bytes: await gunzip(file) };
}

function labelledImages([pixels, labels]: readonly NamedBytes[]): LabelledImages {
  const { shape, data } = readIdx(pixels.path, pixels.bytes, 3);
  const { data: classes } = readIdx(labels.path, labels.bytes, 1);
  const [count, height, width] = shape;
  if (classes.length !== count) {
    throw new DataError(`${labels.path}: expected ${count} labels, one per image, got ${classes.length}`);
  }
  if (height * width === 0) throw new DataError(`${pixels.path}: expected images with pixels, got [${shape}]`);
  const images = new ByteImages(count, 1, height, width);
  images.write(0, data, "CHW");
  return { images, labels: Int32Array.from(classes) };
}
