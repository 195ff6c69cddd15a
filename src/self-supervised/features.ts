import { describe, readOptions } from "../checks.ts";
import { DataLoader } from "../data/data_loader.ts";
import { checkDataset, type Sample } from "../data/dataset.ts";
import { formatShape, OptionError } from "../errors.ts";
import { checkModule } from "../nn/module.ts";
import { cat } from "../tensor/functions.ts";
import { keep, scope } from "../tensor/lifetime/scoped.ts";
import { Tensor } from "../tensor/tensor.ts";
import { inEvalMode, type LabelledSet } from "./classifier.ts";
import type { Encoder } from "./encoder.ts";

/** Features of a labelled set, computed by a frozen encoder. Release `x` after use, or let a scope do so. */
export interface Features {
  /** float32 [N,C] */
  x: Tensor;
  /** One class index per sample. */
  labels: Int32Array;
}

/**
 * Computes the embeddings of a whole set, in order, in `eval()` mode. They belong to the enclosing scope.
 *
 * @example
 * ```ts
 * import { rand, tensor } from "wasmgrad";
 * import { TensorDataset } from "wasmgrad/data";
 * import { Encoder, embedAll } from "wasmgrad/self-supervised";
 * const set = new TensorDataset(rand([8, 3, 32, 32]), tensor(new Int32Array(8)));
 * console.log(embedAll(new Encoder({ channels: [8, 16, 32] }), set).x.shape); // [8, 32]
 * ```
 */
export function embedAll(encoder: Encoder, set: LabelledSet, options?: { batchSize?: number }): Features {
  const { batchSize } = readOptions("embedAll", options, { batchSize: 250 });
  checkModule("embedAll", "encoder", encoder);
  checkDataset("embedAll", set);
  if (set.length === 0) throw new OptionError("embedAll: expected one image or more");
  const labels = new Int32Array(set.length);
  const x = scope(() => {
    const parts: Tensor[] = [];
    let at = 0;
    try {
      inEvalMode(encoder, () => {
        for (const [images, classes] of new DataLoader<Sample, Tensor[]>(set, { batchSize })) {
          parts.push(keep(encoder.embed(images)));
          labels.set(classes.data(), at);
          at += images.shape[0];
        }
      });
      return cat(parts, 0);
    } finally {
      for (const part of parts) part.release();
    }
  });
  return { x, labels };
}

/** Checks features that the user passed. */
export function checkFeatures(op: string, features: Features): void {
  const { x, labels } = features ?? {};
  if (!(x instanceof Tensor) || typeof labels?.length !== "number" || x.shape[0] !== labels.length) {
    const actual = x instanceof Tensor ? `x ${formatShape(x.shape)} and ${labels?.length} labels` : describe(features);
    throw new OptionError(`${op}: expected { x: [N,C], labels: N class indices }, as embedAll gives, got ${actual}`);
  }
}
