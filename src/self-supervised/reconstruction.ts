import { noGrad } from "../autograd/grad_mode.ts";
import { checkBoolean, checkChoice, checkInteger, checkNumber, readOptions } from "../checks.ts";
import { mseLoss } from "../nn/functional/loss.ts";
import type { Sequential } from "../nn/layers/container.ts";
import { randn } from "../tensor/random.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type Augmentation, type ImageColumn, masks } from "../vision/index.ts";
import { runAugmentation } from "../vision/run_steps.ts";
import type { Encoder } from "./encoder.ts";
import { meanWhere, pixelDecoder } from "./heads.ts";
import { type PretextBatch, PretextTask, type TaskResult } from "./task.ts";

/** The kind of elements that `Inpainting` hides: single elements, whole pixels, or blocks. */
export type MaskKind = "channels" | "pixels" | "blocks";

export interface InpaintingOptions {
  /**
   * "channels" (the default): each channel of a pixel independently; "pixels": whole pixels; "blocks":
   * squares.
   */
  mask?: MaskKind;
  /** Share of hidden elements, for channels and pixels. Default 0.5. */
  ratio?: number;
  /** Size and number of the blocks. Default 8 and 4. */
  blockSize?: number;
  blocks?: number;
  /** Whether the loss includes only hidden elements. Default true. */
  onlyHidden?: boolean;
  /** Augmentation of the images. Default: none. */
  augment?: Augmentation;
}

/** The images of a batch after augmentation, if there is one. */
export function augmented({ images, indices, epoch }: PretextBatch, augment: Augmentation | undefined): Tensor {
  return augment ? runAugmentation("augment", augment, images, { indices, epoch }) : images;
}

/** A mask of ones and zeros, [N,C,H,W]: 0 where an element is hidden. */
export function inpaintingMask(
  shape: readonly number[],
  options: Pick<Required<InpaintingOptions>, "mask" | "ratio" | "blockSize" | "blocks">,
  generator?: PretextBatch["generator"],
): Tensor {
  const { mask, ratio, blockSize, blocks } = options ?? {};
  checkChoice("inpaintingMask", "mask", mask, ["channels", "pixels", "blocks"]);
  if (mask === "blocks") return masks.randomBlocks(shape, { size: blockSize, count: blocks, generator }).float();
  return masks.randomPixels(shape, { ratio, perChannel: mask === "channels", generator }).float();
}

/**
 * Inpainting: part of the image is replaced by the mean colour, and the head reconstructs the whole image.
 * The loss is the mean squared error of the hidden elements or of all elements.
 *
 * see: Pathak et al., "Context encoders: feature learning by inpainting", 2016
 * @param features the encoder's channels
 * @throws OptionError
 * @example
 * ```ts
 * import { rand, tensor } from "wasmgrad";
 * import { Encoder, Inpainting } from "wasmgrad/self-supervised";
 * const encoder = new Encoder({ channels: [8, 16, 32] });
 * const indices = tensor([0, 1, 2, 3], { dtype: "int32" });
 * const batch = { images: rand([4, 3, 32, 32]), indices, epoch: 0 };
 * console.log(new Inpainting(32, { mask: "blocks" }).forward(encoder, batch).loss.item());
 * ```
 */
export class Inpainting extends PretextTask {
  decoder: Sequential;
  readonly options: Omit<Required<InpaintingOptions>, "augment"> & Pick<InpaintingOptions, "augment">;

  constructor(features: number, options?: InpaintingOptions) {
    super();
    const op = "Inpainting";
    this.options = readOptions<typeof this.options>(op, options, {
      mask: "channels" as MaskKind,
      ratio: 0.5,
      blockSize: 8,
      blocks: 4,
      onlyHidden: true,
      augment: undefined as Augmentation | undefined,
    });
    checkChoice(op, "mask", this.options.mask, ["channels", "pixels", "blocks"]);
    checkNumber(op, "ratio", this.options.ratio, 0, 1);
    checkInteger(op, "blockSize", this.options.blockSize, 1);
    checkInteger(op, "blocks", this.options.blocks, 1);
    checkBoolean(op, "onlyHidden", this.options.onlyHidden);
    this.decoder = pixelDecoder(features);
  }

  override forward(encoder: Encoder, batch: PretextBatch): TaskResult {
    const { images, painted, mask } = this.#paint(encoder, batch);
    if (!this.options.onlyHidden) return { loss: mseLoss(painted, images) };
    return { loss: meanWhere(painted.sub(images).square(), mask.neg().add(1)) };
  }

  #paint(encoder: Encoder, batch: PretextBatch) {
    const images = augmented(batch, this.options.augment);
    const mask = inpaintingMask(images.shape, this.options, batch.generator);
    return { images, mask, painted: this.decoder.forward(encoder.forward(images, { pixels: mask })) };
  }

  override show(encoder: Encoder, batch: PretextBatch): ImageColumn[] {
    return noGrad(() => {
      const { images, mask, painted } = this.#paint(encoder, batch);
      return [
        { label: "original", images },
        { label: "masked", images: images.mul(mask) },
        { label: "painted", images: images.mul(mask).add(painted.mul(mask.neg().add(1))) },
      ];
    });
  }
}

/**
 * Denoising: the encoder sees `image + std · z` with standard normal z, and the head reconstructs the image.
 *
 * see: Vincent et al., "Extracting and composing robust features with denoising autoencoders", 2008
 * @param features the encoder's channels
 * @param options `std` of the noise (default 0.2, of pixels in [0, 1]); `augment`
 * @throws OptionError
 * @example
 * ```ts
 * import { rand, tensor } from "wasmgrad";
 * import { Encoder, Denoising } from "wasmgrad/self-supervised";
 * const encoder = new Encoder({ channels: [8, 16, 32] });
 * const indices = tensor([0, 1, 2, 3], { dtype: "int32" });
 * const batch = { images: rand([4, 3, 32, 32]), indices, epoch: 0 };
 * console.log(new Denoising(32, { std: 0.1 }).forward(encoder, batch).loss.item());
 * ```
 */
export class Denoising extends PretextTask {
  decoder: Sequential;
  readonly #std: number;
  readonly #augment: Augmentation | undefined;

  constructor(features: number, options?: { std?: number; augment?: Augmentation }) {
    super();
    const { std, augment } = readOptions("Denoising", options, {
      std: 0.2,
      augment: undefined as Augmentation | undefined,
    });
    this.#std = checkNumber("Denoising", "std", std, 0);
    this.#augment = augment;
    this.decoder = pixelDecoder(features);
  }

  #clean(encoder: Encoder, batch: PretextBatch) {
    const images = augmented(batch, this.#augment);
    const noisy = images.add(randn(images.shape, { generator: batch.generator }).mul(this.#std));
    return { images, noisy, cleaned: this.decoder.forward(encoder.forward(noisy)) };
  }

  override forward(encoder: Encoder, batch: PretextBatch): TaskResult {
    const { images, cleaned } = this.#clean(encoder, batch);
    return { loss: mseLoss(cleaned, images) };
  }

  override show(encoder: Encoder, batch: PretextBatch): ImageColumn[] {
    const { images, noisy, cleaned } = noGrad(() => this.#clean(encoder, batch));
    return Object.entries({ original: images, noisy, cleaned }).map(([label, x]) => ({ label, images: x }));
  }
}
