import { checkChoice, checkInteger, describe, readOptions } from "../../checks.ts";
import type { Dataset } from "../../data/dataset.ts";
import { DataError, formatShape, OptionError, ReleasedError, ShapeError } from "../../errors.ts";
import { ByteImages, type ByteLayout } from "../../ops/image/byte_images.ts";
import { countClasses } from "../../ops/movement/class_count.ts";
import { tensor } from "../../tensor/creation.ts";
import { leaf } from "../../tensor/leaf.ts";
import { scope } from "../../tensor/lifetime/scoped.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type Bytes, viewBytes } from "../../typed_arrays.ts";
import { runSteps } from "../run_steps.ts";
import { splitTransform, type Transform } from "../transforms.ts";

/** Images and labels as read from a file. */
export interface LabelledImages {
  images: ByteImages;
  /** One class index per image. */
  labels: Int32Array;
}

/** Mean and standard deviation of each channel. */
export interface ChannelStatistics {
  mean: number[];
  std: number[];
}

/**
 * A data set of labelled images, kept as uint8 [N,C,H,W] in WebAssembly memory. A batch is gathered,
 * converted to float32 in [0, 1] and normalised by one kernel; other transforms run on the batch afterwards.
 * `CIFAR10` is a subclass; `fromBytes` creates other data sets.
 */
export class ImageDataset implements Dataset<[Tensor, number], [Tensor, Tensor]> {
  /** Names of the classes, by label. */
  readonly classes: readonly string[];
  /** The label of each image. */
  readonly targets: Int32Array;
  readonly #images: ByteImages;
  readonly #transform: ReturnType<typeof splitTransform>;

  /** @internal Users call `fromBytes` or `CIFAR10.load`. */
  constructor(source: LabelledImages, classes: readonly string[], transform?: Transform) {
    const { images, labels } = source ?? {};
    if (!(images instanceof ByteImages) || !(labels instanceof Int32Array) || !Array.isArray(classes)) {
      throw new OptionError(
        `${new.target.name}: expected await CIFAR10.load({ root }) or ImageDataset.fromBytes(pixels, { shape, ... }), got new ${new.target.name}(...)`,
      );
    }
    if (transform !== undefined && typeof transform !== "function") {
      throw new OptionError(`transform: expected a function, got ${describe(transform)}`);
    }
    const wrong = labels.findIndex((label) => !(label >= 0 && label < classes.length));
    if (labels.length !== images.count || wrong >= 0) {
      const actual = wrong < 0 ? `${labels.length} labels` : `label ${labels[wrong]} of image ${wrong}`;
      throw new DataError(`images: expected ${images.count} labels in [0, ${classes.length - 1}], got ${actual}`);
    }
    this.#images = images;
    this.targets = labels;
    this.classes = classes;
    this.#transform = splitTransform(transform, images.channels);
  }

  /**
   * Creates a data set from your images.
   *
   * @param pixels all pixels, image by image: a Uint8Array, a Uint8ClampedArray, an ArrayBuffer or a
   *   DataView.
   * @param options `shape` [N,C,H,W]; `labels`, one per image (default: all 0); `classes`, their names
   *   (default: the labels as numbers); `layout` of an image's bytes: "CHW" (default), "HWC" (interleaved
   *   channels) or "RGBA" (four bytes per pixel, as in a canvas; C is 3, alpha is ignored); `transform`, as
   *   for `CIFAR10`.
   * @throws DataError when the number of bytes or labels does not fit the shape.
   * @example
   * ```ts
   * import { ImageDataset } from "wasmgrad/vision";
   * const pixels = new Uint8Array([0, 51, 102, 255]);
   * const set = ImageDataset.fromBytes(pixels, { shape: [2, 1, 1, 2], labels: [0, 1] });
   * const [image, label] = set.get(1);
   * console.log(image.toArray(), label); // [[[0.4, 1]]] 1, up to float32's digits
   * ```
   */
  static fromBytes(
    pixels: Bytes,
    options: {
      shape: readonly number[];
      labels?: ArrayLike<number>;
      classes?: readonly string[];
      layout?: ByteLayout;
      transform?: Transform;
    },
  ): ImageDataset {
    const given = readOptions("ImageDataset.fromBytes", options, {
      shape: [] as readonly number[],
      labels: undefined as ArrayLike<number> | undefined,
      classes: undefined as readonly string[] | undefined,
      layout: "CHW" as ByteLayout,
      transform: undefined as Transform | undefined,
    });
    const layout = checkChoice("ImageDataset.fromBytes", "layout", given.layout, ["CHW", "HWC", "RGBA"]);
    const { shape } = given;
    if (!Array.isArray(shape) || shape.length !== 4) {
      throw new OptionError(`ImageDataset.fromBytes: shape expected [N,C,H,W], got ${JSON.stringify(shape)}`);
    }
    const [n, c, h, w] = shape.map((length, d) =>
      checkInteger("ImageDataset.fromBytes", `shape[${d}]`, length, d === 0 ? 0 : 1),
    );
    const bytes = viewBytes("ImageDataset.fromBytes", pixels);
    const size = n * h * w * (layout === "RGBA" ? 4 : c);
    if (layout === "RGBA" && c !== 3) {
      throw new OptionError(`ImageDataset.fromBytes: layout "RGBA" expected 3 channels, got shape [${shape}]`);
    }
    if (bytes.length !== size) {
      throw new DataError(
        `ImageDataset.fromBytes: expected ${size} bytes for [${shape}]${layout === "RGBA" ? " as RGBA" : ""}, got ` +
          `${bytes.length} bytes`,
      );
    }
    const labels = int32Labels(given.labels ?? new Int32Array(n));
    const classes = given.classes ?? namedByNumber(labels);
    const images = new ByteImages(n, c, h, w);
    try {
      images.write(0, bytes, layout);
      return new ImageDataset({ images, labels }, classes, given.transform);
    } catch (error) {
      images.release();
      throw error;
    }
  }

  /** Number of images. */
  get length(): number {
    return this.#images.count;
  }

  /** Image `index` after the transform, [C,H,W], and its label. */
  get(index: number): [Tensor, number] {
    return scope(() => {
      const [images] = this.batch([index]);
      const { array } = images;
      return [leaf(() => array.withShape(array.shape.slice(1))), this.targets[index]] as [Tensor, number];
    });
  }

  /** The images at `indices` after the transform, [B,C,H,W], and their labels, int32 [B]. */
  batch(indices: readonly number[]): [Tensor, Tensor] {
    for (const index of indices) checkInteger("dataset", "index", index, 0, this.length - 1);
    this.#checkReleased();
    return scope(() => {
      const { gathered, rest } = this.#transform;
      const images = leaf(() => this.#images.gather(indices, gathered.mean, gathered.std));
      const labels = tensor(Int32Array.from(indices, (index) => this.targets[index]));
      const transformed = runSteps(this.constructor.name, rest, images);
      if (transformed.shape[0] !== indices.length) {
        throw new ShapeError(
          `${this.constructor.name}: transforms expected to keep the first dimension, ${indices.length} images, got ` +
            `${formatShape(transformed.shape)} from ${formatShape(images.shape)}`,
        );
      }
      return [transformed, labels] as [Tensor, Tensor];
    });
  }

  /**
   * Mean and standard deviation of each channel over all pixels in [0, 1], without the transform: the
   * arguments of `transforms.normalize`. The sums are exact and computed in one pass.
   */
  statistics(): ChannelStatistics {
    this.#checkReleased();
    return scope(() => {
      const [mean, std] = leaf(() => this.#images.statistics()).toArray() as number[][];
      return { mean, std };
    });
  }

  /**
   * Releases the memory. This is not necessary at the end of a program, or if the data set is no longer
   * reachable.
   */
  release(): void {
    this.#images.release();
  }

  #checkReleased(): void {
    if (this.#images.released) throw new ReleasedError("dataset: its images were released by release()");
  }
}

/**
 * Class names that are numbers. There is at least one class, because images without labels get the label 0.
 */
function namedByNumber(labels: Int32Array): string[] {
  const count = countClasses(
    "ImageDataset.fromBytes",
    labels,
    "image",
    "pass the names of the classes if that is intended",
  );
  return Array.from({ length: Math.max(count, 1) }, (_, i) => `${i}`);
}

function int32Labels(given: ArrayLike<number>): Int32Array {
  const labels = Int32Array.from(given, Number);
  const wrong = labels.findIndex((label, i) => label !== given[i]);
  if (wrong >= 0) {
    throw new DataError(`ImageDataset.fromBytes: expected integers as labels, got ${given[wrong]} of image ${wrong}`);
  }
  return labels;
}
