import { checkChoice } from "../../checks.ts";
import { ByteImages } from "../../ops/image/byte_images.ts";
import { startingThreads } from "../../runtime/start_threads.ts";
import { type ArchiveSource, namesIn, readArchiveSet } from "./archive_set.ts";
import { ImageDataset } from "./image_dataset.ts";
import { type PublishedSetOptions, readSetOptions } from "./options.ts";

/** Tests use a local server and a small archive. */
export interface Cifar100Source extends ArchiveSource {
  /** Number of training and test images. */
  counts: readonly [train: number, test: number];
}

const SOURCE: Cifar100Source = {
  folder: "cifar-100-binary",
  md5: "03b5dce01913d631647c71ecec9e9cb8",
  address: "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
  counts: [50000, 10000],
};

const SIDE = 32;
const CHANNELS = 3;
/** A record: the coarse and the fine label, then the red, green and blue planes. */
const RECORD_BYTES = 2 + CHANNELS * SIDE * SIDE;

export interface CIFAR100Options extends PublishedSetOptions {
  /** "fine" (the default): 100 classes; "coarse": their 20 groups. */
  labels?: "fine" | "coarse";
}

/**
 * CIFAR-100: 60,000 colour images of 32 x 32 pixels in a hundred classes. Matches
 * `torchvision.datasets.CIFAR100`.
 *
 * see: Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
 */
export class CIFAR100 extends ImageDataset {
  /**
   * Reads the authors' binary files from `root/cifar-100-binary/` or their archive
   * `root/cifar-100-binary.tar.gz`. With `download: true` a missing archive is downloaded to `root`; its MD5
   * is checked.
   *
   * @param options `root`; `train` (default true), `download` (default false), `transform`, `labels` ("fine",
   *   the default, or "coarse"), `url`: the address of a copy of the archive
   * @throws DataError when files are missing, truncated or corrupt, or the download fails.
   * @example
   * ```ts
   * import { CIFAR100 } from "wasmgrad/vision";
   * try {
   *   const trainset = await CIFAR100.load({ root: "./nowhere" });
   *   console.log(trainset.length, trainset.classes[0]); // 50000 apple
   * } catch (error) {
   *   console.log((error as Error).message); // lists the files it looked for, and suggests download: true
   * }
   * ```
   */
  static async load(options: CIFAR100Options): Promise<CIFAR100> {
    return startingThreads(() => loadCifar100(options, SOURCE));
  }
}

/** `CIFAR100.load` with files from the given source. */
export async function loadCifar100(options: CIFAR100Options, source: Cifar100Source): Promise<CIFAR100> {
  const op = "CIFAR100.load";
  const { labels: kind = "fine", ...rest } = options ?? {};
  const given = readSetOptions(op, rest as PublishedSetOptions);
  checkChoice(op, "labels", kind, ["fine", "coarse"]);
  const count = source.counts[given.train ? 0 : 1];
  const sizes = new Map([
    [given.train ? "train.bin" : "test.bin", count * RECORD_BYTES],
    [`${kind}_label_names.txt`, null],
  ]);
  const [records, names] = await readArchiveSet(op, given, source, sizes);
  const classes = namesIn(names.bytes);
  const labelByte = kind === "coarse" ? 0 : 1;
  const labels = Int32Array.from({ length: count }, (_, i) => records.bytes[i * RECORD_BYTES + labelByte]);
  const images = new ByteImages(count, CHANNELS, SIDE, SIDE);
  try {
    images.write(0, records.bytes, "CHW", 2);
    return new CIFAR100({ images, labels }, classes, given.transform);
  } catch (error) {
    images.release();
    throw error;
  }
}
