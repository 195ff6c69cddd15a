import { checkInteger, describe, isObject } from "../../checks.ts";
import type { AsyncDataset } from "../../data/dataset.ts";
import { DataError, OptionError } from "../../errors.ts";
import type { FolderHandleLike } from "../../io/handles.ts";
import { isStoredPath, openStoredFolder, type StoredPath } from "../../io/origin_files.ts";
import { type BlobLike, isBlob, readFromBlob } from "../../io/pieces.ts";
import { Scope } from "../../tensor/lifetime/scope.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { decodeNamed } from "../images/decode.ts";
import { runSteps } from "../run_steps.ts";
import { listPaths } from "./folder_listing.ts";
import type { ImageFolderOptions } from "./image_folder.ts";

/** A folder of a browser, or the files of one. */
export type BrowserFolder = StoredPath | FolderHandleLike | readonly BlobLike[];

/** Whether `root` is a folder of a browser, not a path. */
export function isBrowserFolder(root: unknown): root is BrowserFolder {
  return isStoredPath(root) || Array.isArray(root) || (isObject(root) && root.kind === "directory");
}

/**
 * The images of an `ImageFolder` in a page. A page reads files later, so `get` returns a promise, and a
 * `DataLoader` is iterated by `for await`. Made by `ImageFolder.load`.
 */
export class ImageFiles implements AsyncDataset<[Tensor, number], [Tensor, Tensor]> {
  /** Names of the classes, sorted: the folders. */
  readonly classes: readonly string[];
  /** The label of each class. */
  readonly classToIdx: Readonly<Record<string, number>>;
  /** Path and label of each image. */
  readonly samples: readonly (readonly [string, number])[];
  /** The label of each image. */
  readonly targets: Int32Array;
  readonly #files: ReadonlyMap<string, BlobLike>;
  readonly #options: ImageFolderOptions;

  /** @internal Users call `ImageFolder.load`. */
  constructor(root: string, files: ReadonlyMap<string, BlobLike>, options: ImageFolderOptions) {
    const { classes, samples } = listPaths(root, [...files.keys()], options.isValidFile);
    this.classes = classes;
    this.classToIdx = Object.fromEntries(classes.map((name, label) => [name, label]));
    this.samples = samples;
    this.targets = Int32Array.from(samples, ([, label]) => label);
    this.#files = files;
    this.#options = options;
  }

  /** Number of images. */
  get length(): number {
    return this.samples.length;
  }

  /**
   * Image `index` after the transform, and its label.
   *
   * @throws DataError, which names the file, when it is truncated, corrupt or of another format.
   */
  async get(index: number): Promise<[Tensor, number]> {
    const op = "ImageFiles";
    checkInteger(op, "index", index, 0, this.length - 1);
    const [path, label] = this.samples[index];
    const { mode = "rgb", applyExifOrientation = false, transform } = this.#options;
    const file = this.#files.get(path) as BlobLike;
    const bytes = await readFromBlob(op, file, { begin: 0, end: file.size });
    const decoded = await decodeNamed(path, bytes, { mode, applyExifOrientation });
    const own = new Scope(op, { enter: false });
    try {
      const image = own.run(() => {
        const steps = transform ? [{ run: transform, name: "transform" }] : [];
        return runSteps(op, steps, decoded.toTensor());
      });
      own.moveToParent(image);
      return [image, label];
    } finally {
      own.close();
    }
  }
}

/** Lists a folder of a browser. It reads no image. */
export async function loadImageFiles(
  op: string,
  root: BrowserFolder,
  options: ImageFolderOptions,
): Promise<ImageFiles> {
  const files = new Map<string, BlobLike>();
  if (Array.isArray(root)) {
    for (const file of root) files.set(pathOf(op, file), file);
    return new ImageFiles(op, files, options);
  }
  const isStored = isStoredPath(root);
  const folder = isStored ? await openStoredFolder(op, root, { create: false }) : (root as FolderHandleLike);
  if (!folder) throw new DataError(`${op}: ${root}: there is no such folder`);
  const visit = async (inner: FolderHandleLike, parts: readonly string[]) => {
    for await (const entry of inner.values()) {
      const path = [...parts, entry.name];
      if (entry.kind === "directory") await visit(entry, path);
      else files.set(path.join("/"), await entry.getFile());
    }
  };
  await visit(folder, []);
  return new ImageFiles(isStored ? root : folder.name, files, options);
}

/** The path of a file in the folder that the visitor has chosen: `cat/1.png`. */
function pathOf(op: string, file: unknown): string {
  const { webkitRelativePath: path } = (file ?? {}) as { webkitRelativePath?: string };
  if (isBlob(file) && typeof path === "string" && path.includes("/")) return path.slice(path.indexOf("/") + 1);
  throw new OptionError(
    `${op}: expected files of a folder, as <input type="file" webkitdirectory> gives them, got ${describe(file)}`,
  );
}
