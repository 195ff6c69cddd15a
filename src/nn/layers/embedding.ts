import { checkInteger, readOptions } from "../../checks.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { embedding } from "../functional/embedding.ts";
import { emptyParameter } from "../internal/default_init.ts";
import { initVectors, readPaddingIdx } from "../internal/padded_vectors.ts";
import { Module } from "../module.ts";
import type { Parameter } from "../parameter.ts";

/**
 * A table of `numEmbeddings` learned vectors: int32 indices [...] give [..., embeddingDim]. Initialised with
 * normal(0, 1). Matches `torch.nn.Embedding`.
 *
 * @param options `paddingIdx`: a row that is initialised with zeros and gets no gradient (negative values
 *   count from the end). Default none.
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * const words = new nn.Embedding(10, 3);
 * console.log(words.forward(tensor(Int32Array.of(1, 5, 1))).shape); // [3, 3]
 * ```
 */
export class Embedding extends Module {
  /** [numEmbeddings, embeddingDim] */
  weight: Parameter;
  readonly numEmbeddings: number;
  readonly embeddingDim: number;
  readonly paddingIdx: number | null;

  constructor(numEmbeddings: number, embeddingDim: number, options?: { paddingIdx?: number | null }) {
    super();
    const op = "Embedding";
    this.numEmbeddings = checkInteger(op, "numEmbeddings", numEmbeddings, 1);
    this.embeddingDim = checkInteger(op, "embeddingDim", embeddingDim, 1);
    const { paddingIdx } = readOptions(op, options, { paddingIdx: null as number | null });
    this.paddingIdx = readPaddingIdx(op, paddingIdx, numEmbeddings);
    this.weight = emptyParameter([numEmbeddings, embeddingDim]);
    this.resetParameters();
  }

  /** Initialises the vectors again. */
  resetParameters(): void {
    initVectors(this.weight, this.paddingIdx);
  }

  override forward(index: Tensor): Tensor {
    return embedding(index, this.weight, { paddingIdx: this.paddingIdx });
  }

  override extraRepr(): string {
    const padding = this.paddingIdx === null ? "" : `, paddingIdx=${this.paddingIdx}`;
    return `${this.numEmbeddings}, ${this.embeddingDim}${padding}`;
  }
}
