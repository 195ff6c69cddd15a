import { noGrad } from "../autograd/grad_mode.ts";
import { checkInteger, checkNumber, readOptions } from "../checks.ts";
import { DataLoader } from "../data/data_loader.ts";
import { checkDataset, type Dataset, type Sample } from "../data/dataset.ts";
import { OptionError } from "../errors.ts";
import { dropout } from "../nn/functional/dropout.ts";
import { crossEntropy } from "../nn/functional/loss.ts";
import { inMode } from "../nn/internal/mode.ts";
import { Linear } from "../nn/layers/linear.ts";
import { checkModule, checkOutput, Module } from "../nn/module.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Encoder } from "./encoder.ts";

/** A data set whose batches begin with images [N,3,H,W] in [0, 1] and labels, int32 [N]. */
export type LabelledSet = Dataset<Sample, Tensor[]>;

/**
 * An encoder followed by a linear classification layer, for fine-tuning or for training from scratch.
 *
 * @param options `classes` (default 10), `dropout` of the features in training (default 0)
 * @throws OptionError
 * @example
 * ```ts
 * import { rand } from "wasmgrad";
 * import { Classifier, Encoder } from "wasmgrad/self-supervised";
 * const model = new Classifier(new Encoder({ channels: [8, 16, 32] }));
 * console.log(model.forward(rand([2, 3, 32, 32])).shape); // [2, 10]
 * ```
 */
export class Classifier extends Module {
  encoder: Encoder;
  head: Linear;
  readonly #dropout: number;

  constructor(encoder: Encoder, options?: { classes?: number; dropout?: number }) {
    super();
    const given = readOptions("Classifier", options, { classes: 10, dropout: 0 });
    checkModule("Classifier", "encoder", encoder);
    this.encoder = encoder;
    this.head = new Linear(encoder.features, checkInteger("Classifier", "classes", given.classes, 2));
    this.#dropout = checkNumber("Classifier", "dropout", given.dropout, 0, 1);
  }

  override forward(images: Tensor): Tensor {
    const embedded = this.encoder.embed(images);
    return this.head.forward(dropout(embedded, { p: this.#dropout, training: this.training }));
  }

  /**
   * Parameter groups for an optimizer. Learning rates decrease from the output to the input: the head has
   * `lr`, the last stage `lr · decay`, the stage before it `lr · decay²`, and so on.
   *
   * see: Howard & Ruder, "Universal language model fine-tuning for text classification", 2018 (discriminative
   * fine-tuning)
   */
  groups(lr: number, decay: number): { params: Tensor[]; lr: number }[] {
    checkNumber("Classifier.groups", "lr", lr, 0);
    checkNumber("Classifier.groups", "decay", decay, 0, 1);
    const layers = [this.head, ...[...this.encoder.stages].reverse()];
    let rate = lr;
    return layers.map((layer, i) => {
      if (i > 0) rate *= decay;
      return { params: layer.parameters(), lr: rate };
    });
  }
}

/**
 * Accuracy and mean cross entropy on a labelled set, computed in `eval()` mode and without a graph.
 *
 * @example
 * ```ts
 * import { rand, tensor } from "wasmgrad";
 * import { TensorDataset } from "wasmgrad/data";
 * import { Classifier, Encoder, evaluateClassifier } from "wasmgrad/self-supervised";
 * const set = new TensorDataset(rand([8, 3, 32, 32]), tensor(new Int32Array(8)));
 * const model = new Classifier(new Encoder({ channels: [8, 16, 32] }));
 * console.log(evaluateClassifier(model, set).loss > 0); // true
 * ```
 */
export function evaluateClassifier(
  model: Module,
  set: LabelledSet,
  options?: { batchSize?: number },
): { accuracy: number; loss: number } {
  const { batchSize } = readOptions("evaluateClassifier", options, { batchSize: 250 });
  checkModule("evaluateClassifier", "model", model);
  checkDataset("evaluateClassifier", set);
  if (set.length === 0) throw new OptionError("evaluateClassifier: expected one image or more");
  let right = 0;
  let loss = 0;
  inEvalMode(model, () => {
    for (const [images, labels] of new DataLoader<Sample, Tensor[]>(set, { batchSize })) {
      const logits: Tensor = model.forward(images);
      checkOutput("evaluateClassifier", model, logits);
      right += logits.argmax(1).eq(labels).sum().item();
      loss += crossEntropy(logits, labels, { reduction: "sum" }).item();
    }
  });
  return { accuracy: right / set.length, loss: loss / set.length };
}

/**
 * Runs `body` with the model in `eval()` mode and without a graph, then restores the mode of each of its
 * modules.
 */
export function inEvalMode<T>(model: Module, body: () => T): T {
  checkModule("inEvalMode", "model", model);
  return inMode(model, false, () => noGrad(body));
}
