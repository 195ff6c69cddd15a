import { DataError } from "../../errors.ts";
import { ByteImages } from "../../ops/image/byte_images.ts";
import { startingThreads } from "../../runtime/start_threads.ts";
import { type ArchiveSource, namesIn, readArchiveSet } from "./archive_set.ts";
import { ImageDataset } from "./image_dataset.ts";
import { type PublishedSetOptions, readSetOptions } from "./options.ts";

/** Tests use a local server and a small archive. */
export interface Stl10Source extends ArchiveSource {
  /** Number of training and test images. */
  counts: readonly [train: number, test: number];
  side: number;
}

const SOURCE: Stl10Source = {
  folder: "stl10_binary",
  md5: "91f7769df0f17e558f3565bffb0c7dfb",
  address: "http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz",
  counts: [5000, 8000],
  side: 96,
};

const CHANNELS = 3;

/**
 * STL-10: 5,000 training and 8,000 test images in colour, 96 x 96 pixels, in ten classes. Matches
 * `torchvision.datasets.STL10` for its splits "train" and "test"; the 100,000 images without labels are not
 * read.
 *
 * see: Coates, Lee, Ng, "An Analysis of Single-Layer Networks in Unsupervised Feature Learning", 2011
 */
export class STL10 extends ImageDataset {
  /**
   * Reads the authors' binary files from `root/stl10_binary/` or their archive `root/stl10_binary.tar.gz`.
   * With `download: true` a missing archive (2.5 GB) is downloaded to `root`; its MD5 is checked.
   *
   * @param options `root`; `train` (default true), `download` (default false), `transform`, `url`: the
   *   address of a copy of the archive
   * @throws DataError when files are missing, truncated or corrupt, or the download fails.
   * @example
   * ```ts
   * import { STL10 } from "wasmgrad/vision";
   * try {
   *   const trainset = await STL10.load({ root: "./nowhere" });
   *   console.log(trainset.length); // 5000
   * } catch (error) {
   *   console.log((error as Error).message); // lists the files it looked for, and suggests download: true
   * }
   * ```
   */
  static async load(options: PublishedSetOptions): Promise<STL10> {
    return startingThreads(() => loadStl10(options, SOURCE));
  }
}

/** `STL10.load` with files from the given source. */
export async function loadStl10(options: PublishedSetOptions, source: Stl10Source): Promise<STL10> {
  const op = "STL10.load";
  const given = readSetOptions(op, options);
  const part = given.train ? "train" : "test";
  const count = source.counts[given.train ? 0 : 1];
  const { side } = source;
  const sizes = new Map([
    [`${part}_X.bin`, count * CHANNELS * side * side],
    [`${part}_y.bin`, count],
    ["class_names.txt", null],
  ]);
  const [pixels, classes, names] = await readArchiveSet(op, given, source, sizes);
  const labels = Int32Array.from(classes.bytes, (label) => label - 1); // they are 1 to 10
  const wrong = labels.indexOf(-1);
  if (wrong >= 0) throw new DataError(`${classes.name}: label of image ${wrong} expected 1 to 10, got 0`);
  const images = new ByteImages(count, CHANNELS, side, side);
  try {
    images.write(0, transposed(pixels.bytes, side), "CHW");
    return new STL10({ images, labels }, namesIn(names.bytes), given.transform);
  } catch (error) {
    images.release();
    throw error;
  }
}

/** Square planes of bytes, column by column in the file, row by row. */
function transposed(bytes: Uint8Array, side: number): Uint8Array {
  const out = new Uint8Array(bytes.length);
  for (let plane = 0; plane < bytes.length; plane += side * side) {
    for (let y = 0; y < side; y++) {
      for (let x = 0; x < side; x++) out[plane + y * side + x] = bytes[plane + x * side + y];
    }
  }
  return out;
}
