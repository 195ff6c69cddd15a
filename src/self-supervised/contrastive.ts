import { checkInteger, checkNumber, readOptions } from "../checks.ts";
import { OptionError, ShapeError } from "../errors.ts";
import { crossEntropy } from "../nn/functional/loss.ts";
import { normalize } from "../nn/functional/norm.ts";
import { ReLU } from "../nn/layers/activation.ts";
import { Sequential } from "../nn/layers/container.ts";
import { Linear } from "../nn/layers/linear.ts";
import { BatchNorm1d } from "../nn/layers/norm.ts";
import { expectTensor } from "../tensor/apply.ts";
import { tensor } from "../tensor/creation.ts";
import { eye } from "../tensor/fill.ts";
import { cat } from "../tensor/functions.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type Augmentation, augment, type ImageColumn } from "../vision/index.ts";
import { runAugmentation } from "../vision/run_steps.ts";
import type { Encoder } from "./encoder.ts";
import { type PretextBatch, PretextTask, type TaskResult } from "./task.ts";

/**
 * NT-Xent, the loss of SimCLR. Rows i and i + N of z [2N,D] are two views of image i. Each row i must
 * identify its counterpart j among all other rows by cosine similarity s. The loss is the mean over all rows
 * of `-log(exp(s(i,j)/t) / Σ_{k≠i} exp(s(i,k)/t))`, where t is the temperature.
 *
 * @throws ShapeError, OptionError
 * see: Chen et al., "A simple framework for contrastive learning of visual representations", 2020
 * @example
 * ```ts
 * import { tensor } from "wasmgrad";
 * import { ntXent } from "wasmgrad/self-supervised";
 * const z = tensor([[1, 0], [0, 1], [2, 0], [0, 3]]); // views of one image are parallel
 * console.log(ntXent(z, 0.5).item().toFixed(3)); // -log(e² / (e² + 2)) = 0.240
 * ```
 */
export function ntXent(z: Tensor, temperature: number): Tensor {
  const logits = similarities(z, temperature);
  return crossEntropy(logits, partners(z.shape[0]));
}

/** Cosine similarities [2N,2N] divided by the temperature. The diagonal is excluded. */
function similarities(z: Tensor, temperature: number): Tensor {
  expectTensor("ntXent", "z", z);
  if (z.dim() !== 2 || z.shape[0] < 4 || z.shape[0] % 2 !== 0) {
    throw new ShapeError(`ntXent: expected [2N,D] with N of 2 or more, got [${z.shape}]`);
  }
  if (checkNumber("ntXent", "temperature", temperature, 0) === 0) {
    throw new OptionError("ntXent: temperature expected a number > 0, got 0");
  }
  const unit = normalize(z, { dim: 1 });
  return unit.matmul(unit.t()).div(temperature).sub(eye(z.shape[0]).mul(1e9));
}

function partners(rows: number): Tensor {
  return tensor(Int32Array.from({ length: rows }, (_, i) => (i + rows / 2) % rows));
}

/** SimCLR's augmentations for small images: resized crop, flip, colour jitter, greyscale. */
export function contrastiveAugmentation(): Augmentation {
  return augment.compose([
    augment.resizedCrop({ area: [0.2, 1] }),
    augment.horizontalFlip(),
    augment.colorJitter({ brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1, p: 0.8 }),
    augment.grayscale({ p: 0.2 }),
  ]);
}

/**
 * Contrastive learning (SimCLR): each image is augmented twice, and the encoder must identify the other view
 * of the same image among all views in the batch. The loss is NT-Xent after a projection head. `accuracy` is
 * the share of views whose nearest neighbour is the other view of their image.
 *
 * @param features the encoder's channels
 * @param options `temperature` (default 0.5); `hidden` and `projection`: sizes of the head (default
 * `features` and 64); `augment`
 * @throws OptionError
 * @example
 * ```ts
 * import { rand, tensor } from "wasmgrad";
 * import { Encoder, Contrastive } from "wasmgrad/self-supervised";
 * const encoder = new Encoder({ channels: [8, 16, 32] });
 * const indices = tensor([0, 1, 2, 3], { dtype: "int32" });
 * const batch = { images: rand([4, 3, 32, 32]), indices, epoch: 0 };
 * console.log(new Contrastive(32).forward(encoder, batch).loss.item());
 * ```
 */
export class Contrastive extends PretextTask {
  head: Sequential;
  readonly #temperature: number;
  readonly #augment: Augmentation;

  constructor(
    features: number,
    options?: { temperature?: number; hidden?: number; projection?: number; augment?: Augmentation },
  ) {
    super();
    const op = "Contrastive";
    const { temperature, hidden, projection, augment } = readOptions(op, options, {
      temperature: 0.5,
      hidden: features,
      projection: 64,
      augment: contrastiveAugmentation(),
    });
    this.#temperature = checkNumber(op, "temperature", temperature, 1e-6);
    this.#augment = augment;
    checkInteger(op, "hidden", hidden, 1);
    checkInteger(op, "projection", projection, 1);
    this.head = new Sequential(
      new Linear(features, hidden, { bias: false }),
      new BatchNorm1d(hidden),
      new ReLU(),
      new Linear(hidden, projection),
    );
  }

  #views({ images, indices, epoch }: PretextBatch): [Tensor, Tensor] {
    const view = (view: number) =>
      runAugmentation("Contrastive: augment", this.#augment, images, { indices, epoch, view });
    return [view(0), view(1)];
  }

  override forward(encoder: Encoder, batch: PretextBatch): TaskResult {
    const logits = similarities(this.head.forward(encoder.embed(cat(this.#views(batch), 0))), this.#temperature);
    const answers = partners(logits.shape[0]);
    const accuracy = logits.argmax(1).eq(answers).float().mean().item();
    return { loss: crossEntropy(logits, answers), accuracy };
  }

  override show(_encoder: Encoder, batch: PretextBatch): ImageColumn[] {
    const [first, second] = this.#views(batch);
    return [
      { label: "original", images: batch.images },
      { label: "view 1", images: first },
      { label: "view 2", images: second },
    ];
  }
}
