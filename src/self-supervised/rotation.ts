import { readOptions } from "../checks.ts";
import { crossEntropy } from "../nn/functional/loss.ts";
import { Linear } from "../nn/layers/linear.ts";
import { randint } from "../tensor/random.ts";
import { rotateQuarters } from "../vision/augment.ts";
import type { Augmentation } from "../vision/index.ts";
import type { Encoder } from "./encoder.ts";
import { augmented } from "./reconstruction.ts";
import { type PretextBatch, PretextTask, type TaskResult } from "./task.ts";

/**
 * Classifies how the image was rotated: by 0, 90, 180 or 270 degrees. The loss is the cross entropy of four
 * classes; `accuracy` is reported as well.
 *
 * see: Gidaris, Singh, Komodakis, "Unsupervised representation learning by predicting image rotations", 2018
 * @param features the encoder's channels
 * @param options `augment`, applied to the images before they are rotated
 * @example
 * ```ts
 * import { rand, tensor } from "wasmgrad";
 * import { Encoder, Rotation } from "wasmgrad/self-supervised";
 * const encoder = new Encoder({ channels: [8, 16, 32] });
 * const indices = tensor([0, 1, 2, 3], { dtype: "int32" });
 * const batch = { images: rand([4, 3, 32, 32]), indices, epoch: 0 };
 * console.log(new Rotation(32).forward(encoder, batch).loss.item());
 * ```
 */
export class Rotation extends PretextTask {
  head: Linear;
  readonly #augment: Augmentation | undefined;

  constructor(features: number, options?: { augment?: Augmentation }) {
    super();
    const { augment } = readOptions("Rotation", options, { augment: undefined as Augmentation | undefined });
    this.#augment = augment;
    this.head = new Linear(features, 4);
  }

  override forward(encoder: Encoder, batch: PretextBatch): TaskResult {
    const images = augmented(batch, this.#augment);
    const turns = randint(0, 4, [images.shape[0]], { generator: batch.generator });
    const logits = this.head.forward(encoder.embed(rotateQuarters(images, turns)));
    return { loss: crossEntropy(logits, turns), accuracy: logits.argmax(1).eq(turns).float().mean() };
  }
}
