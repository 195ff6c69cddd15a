import { noGrad } from "../autograd/grad_mode.ts";
import { checkNumber, readOptions } from "../checks.ts";
import { normal_ } from "../nn/init.ts";
import { ReLU } from "../nn/layers/activation.ts";
import { Sequential } from "../nn/layers/container.ts";
import { Conv2d } from "../nn/layers/conv.ts";
import { Parameter } from "../nn/parameter.ts";
import { zeros } from "../tensor/fill.ts";
import { rand } from "../tensor/random.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Augmentation, ImageColumn } from "../vision/index.ts";
import type { Encoder } from "./encoder.ts";
import { meanWhere, patchify, unpatchify } from "./heads.ts";
import { augmented } from "./reconstruction.ts";
import { type PretextBatch, PretextTask, type TaskResult } from "./task.ts";

/**
 * Predicts hidden patches from visible ones. A random share of the patches is hidden from every layer of the
 * encoder; a patch has the size of one cell of the feature map. A small decoder gets a learned token in place
 * of each hidden cell and predicts its pixels, standardised per patch to mean 0 and standard deviation 1. The
 * loss is the mean squared error of the hidden patches.
 *
 * see: He et al., "Masked autoencoders are scalable vision learners", 2022; Tian et al., "Designing BERT for
 * convolutional networks", 2023
 * @param features the encoder's channels
 * @param options `ratio` of hidden patches (default 0.6); `stride` of the encoder (default 4); `augment`
 * @throws OptionError
 * @example
 * ```ts
 * import { rand, tensor } from "wasmgrad";
 * import { Encoder, MaskedPatches } from "wasmgrad/self-supervised";
 * const encoder = new Encoder({ channels: [8, 16, 32] });
 * const indices = tensor([0, 1, 2, 3], { dtype: "int32" });
 * const batch = { images: rand([4, 3, 32, 32]), indices, epoch: 0 };
 * console.log(new MaskedPatches(32).forward(encoder, batch).loss.item());
 * ```
 */
export class MaskedPatches extends PretextTask {
  token: Parameter;
  decoder: Sequential;
  readonly #ratio: number;
  readonly #size: number;
  readonly #augment: Augmentation | undefined;

  constructor(features: number, options?: { ratio?: number; stride?: number; augment?: Augmentation }) {
    super();
    const { ratio, stride, augment } = readOptions("MaskedPatches", options, {
      ratio: 0.6,
      stride: 4,
      augment: undefined as Augmentation | undefined,
    });
    this.#ratio = checkNumber("MaskedPatches", "ratio", ratio, 0, 1);
    this.#size = stride;
    this.#augment = augment;
    this.token = new Parameter(zeros([1, features, 1, 1]));
    normal_(this.token, 0, 0.02);
    this.decoder = new Sequential(
      new Conv2d(features, features, { kernelSize: 3, padding: 1 }),
      new ReLU(),
      new Conv2d(features, features, { kernelSize: 3, padding: 1 }),
      new ReLU(),
      new Conv2d(features, 3 * stride * stride, { kernelSize: 1 }),
    );
  }

  #predict(encoder: Encoder, batch: PretextBatch) {
    const images = augmented(batch, this.#augment);
    const [n, , h, w] = images.shape;
    const size = this.#size;
    const keep = rand([n, 1, h / size, w / size], { generator: batch.generator })
      .ge(this.#ratio)
      .float();
    const hidden = keep.neg().add(1);
    const filled = encoder.forward(images, { keep }).add(this.token.mul(hidden));
    const predicted = this.decoder.forward(filled).permute([0, 2, 3, 1]);
    return { images, predicted, hidden: hidden.reshape([n, h / size, w / size, 1]) };
  }

  #normalised(images: Tensor) {
    const patches = patchify(images, this.#size);
    const mean = patches.mean(3, { keepdim: true });
    const std = patches.var(3, { keepdim: true, correction: 0 }).add(1e-6).sqrt();
    return { patches, mean, std };
  }

  override forward(encoder: Encoder, batch: PretextBatch): TaskResult {
    const { images, predicted, hidden } = this.#predict(encoder, batch);
    const { patches, mean, std } = this.#normalised(images);
    return { loss: meanWhere(predicted.sub(patches.sub(mean).div(std)).square(), hidden) };
  }

  /**
   * The predicted patches are shown with the mean and standard deviation of the original patches, because the
   * task does not predict these.
   */
  override show(encoder: Encoder, batch: PretextBatch): ImageColumn[] {
    return noGrad(() => {
      const { images, predicted, hidden } = this.#predict(encoder, batch);
      const { patches, mean, std } = this.#normalised(images);
      const seen = patches.mul(hidden.neg().add(1));
      const painted = seen.add(predicted.mul(std).add(mean).mul(hidden));
      return [
        { label: "original", images },
        { label: "seen", images: unpatchify(seen, this.#size) },
        { label: "painted", images: unpatchify(painted, this.#size) },
      ];
    });
  }
}
