import { checkChoice, checkFunction, checkInteger, describe, readOptions } from "../../checks.ts";
import type { Dataset } from "../../data/dataset.ts";
import { OptionError } from "../../errors.ts";
import { readWholeFile } from "../../io/files.ts";
import { nodeModule } from "../../runtime/node_module.ts";
import { startingThreads } from "../../runtime/start_threads.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { codecError, loadCodec } from "../images/codecs.ts";
import { decodeLoaded } from "../images/decode.ts";
import { runSteps, type Step } from "../run_steps.ts";
import type { Transform } from "../transforms.ts";
import { type FolderListing, listFolder } from "./folder_listing.ts";
import { type BrowserFolder, type ImageFiles, isBrowserFolder, loadImageFiles } from "./image_files.ts";

export interface ImageFolderOptions {
  /** Applied to each image, float32 [C,H,W] in [0, 1]. Default: none. */
  transform?: Transform;
  /** "rgb" (the default): three channels; "gray": one. */
  mode?: "rgb" | "gray";
  /** Whether JPEG images are turned as their EXIF orientation says. Default false, as in torchvision. */
  applyExifOrientation?: boolean;
  /**
   * Decides for each file's path whether the file belongs to the set. Default: the extensions .png, .jpg,
   * .jpeg and .webp belong to it, those of other images are an error, and all other files are left out.
   */
  isValidFile?: (path: string) => boolean;
}

/**
 * Images in a folder that has one folder for each class: `root/cat/1.jpg`, `root/dog/a/2.png`. Matches
 * `torchvision.datasets.ImageFolder`, with the same order of classes and files. An image is read and decoded
 * when it is asked for. In a page `load` gives an `ImageFiles` with the same images.
 *
 * PNG needs nothing else; in Node, Deno and Bun JPEG needs the package `@jsquash/jpeg`, WebP `@jsquash/webp`.
 * A `DataLoader` with `numWorkers` decodes and transforms on other threads.
 */
export class ImageFolder implements Dataset<[Tensor, number], [Tensor, Tensor]> {
  /** The folder. */
  readonly root: string;
  /** Names of the classes, sorted: the folders in `root`. */
  readonly classes: readonly string[];
  /** The label of each class. */
  readonly classToIdx: Readonly<Record<string, number>>;
  /** Path and label of each image. */
  readonly samples: readonly (readonly [string, number])[];
  /** The label of each image. */
  readonly targets: Int32Array;
  readonly #mode: "rgb" | "gray";
  readonly #applyExifOrientation: boolean;
  readonly #transform: readonly Step[];

  /** @internal Users call `ImageFolder.load`. */
  constructor(root: string, listing: FolderListing, options: ImageFolderOptions) {
    if (typeof (listing as unknown) !== "object" || !Array.isArray(listing?.classes)) {
      throw new OptionError("ImageFolder: expected await ImageFolder.load(root), got new ImageFolder(...)");
    }
    this.root = root;
    this.classes = listing.classes;
    this.classToIdx = Object.fromEntries(listing.classes.map((name, label) => [name, label]));
    this.samples = listing.samples;
    this.targets = Int32Array.from(listing.samples, ([, label]) => label);
    this.#mode = options.mode ?? "rgb";
    this.#applyExifOrientation = options.applyExifOrientation ?? false;
    this.#transform = options.transform ? [{ run: options.transform, name: "transform" }] : [];
  }

  /**
   * Lists the files and loads the decoders. It reads no image.
   *
   * @param root the folder with one folder for each class. In a page: a folder that the browser keeps, such
   *   as "opfs:pictures", a `FileSystemDirectoryHandle`, or an array of the files of `<input type="file"
   *   webkitdirectory>`; the result is then an `ImageFiles`, whose `get` returns a promise.
   * @throws DataError when the folder is missing, has no folders, a class without images, or an image of
   *   another format; WasmgradError when the package that decodes the images is not installed.
   * @example
   * ```ts
   * import { mkdirSync } from "node:fs";
   * import { tmpdir } from "node:os";
   * import { join } from "node:path";
   * import { ImageFolder, Picture, savePNG } from "wasmgrad/vision";
   * const root = join(tmpdir(), "wasmgrad-image-folder");
   * for (const name of ["cats", "dogs"]) {
   *   mkdirSync(join(root, name), { recursive: true });
   *   savePNG(join(root, name, "1.png"), new Picture(8, 6));
   * }
   * const set = await ImageFolder.load(root);
   * const [image, label] = set.get(1);
   * console.log(set.classes, image.shape, label); // ["cats", "dogs"] [3, 6, 8] 1
   * ```
   */
  static async load(root: BrowserFolder, options?: ImageFolderOptions): Promise<ImageFiles>;
  static async load(root: string, options?: ImageFolderOptions): Promise<ImageFolder>;
  static async load(root: string | BrowserFolder, options?: ImageFolderOptions): Promise<ImageFolder | ImageFiles> {
    const op = "ImageFolder.load";
    if (!isBrowserFolder(root) && (typeof root !== "string" || root === "")) {
      throw new OptionError(`${op}: root expected the path of a folder, got ${describe(root)}`);
    }
    const given = readOptions<ImageFolderOptions>(op, options, {
      transform: undefined,
      mode: "rgb",
      applyExifOrientation: false,
      isValidFile: undefined,
    });
    checkChoice(op, "mode", given.mode, ["rgb", "gray"]);
    if (given.transform !== undefined) checkFunction(op, "transform", given.transform);
    if (given.isValidFile !== undefined) checkFunction(op, "isValidFile", given.isValidFile);
    if (isBrowserFolder(root)) return startingThreads(() => loadImageFiles(op, root, given));
    if (!nodeModule("node:fs")) {
      throw new OptionError(
        `${op}: a page has no folder ${JSON.stringify(root)}; pass "opfs:...", a FileSystemDirectoryHandle, or files`,
      );
    }
    const listing = listFolder(root, given.isValidFile);
    // a file may have the wrong extension, so both decoders are loaded if they are installed
    for (const [format, extension] of [
      ["JPEG", /\.jpe?g$/i],
      ["WebP", /\.webp$/i],
    ] as const) {
      try {
        await loadCodec(format);
      } catch (cause) {
        const sample = listing.samples.find(([path]) => extension.test(path));
        if (sample) throw codecError(sample[0], format, cause);
      }
    }
    return new ImageFolder(root, listing, given);
  }

  /** Number of images. */
  get length(): number {
    return this.samples.length;
  }

  /**
   * Image `index` after the transform, and its label.
   *
   * @throws DataError, which names the file, when it is missing, truncated, corrupt or of another format.
   */
  get(index: number): [Tensor, number] {
    checkInteger("ImageFolder", "index", index, 0, this.length - 1);
    const [path, label] = this.samples[index];
    const options = { mode: this.#mode, applyExifOrientation: this.#applyExifOrientation };
    const image = decodeLoaded(path, readWholeFile(path), options).toTensor();
    return [runSteps("ImageFolder", this.#transform, image), label];
  }
}
