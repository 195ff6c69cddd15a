import { checkBoolean, checkChoice, checkInteger, readOptions } from "../../checks.ts";
import { DTypeError, formatShape, OptionError, ShapeError } from "../../errors.ts";
import { expectSameShape } from "../../ops/core/array.ts";
import { expectTensor } from "../../tensor/apply.ts";
import { tensor } from "../../tensor/creation.ts";
import { zeros } from "../../tensor/fill.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { embedding } from "../functional/embedding.ts";
import { emptyParameter } from "../internal/default_init.ts";
import { initVectors, readPaddingIdx } from "../internal/padded_vectors.ts";
import { Module } from "../module.ts";
import type { Parameter } from "../parameter.ts";

export interface EmbeddingBagOptions {
  /** Default "mean". */
  mode?: "mean" | "sum" | "max";
  /** An index that does not count. Default null: none. */
  paddingIdx?: number | null;
  /** Whether `offsets` has one more element, the number of indices. Default false. */
  includeLastOffset?: boolean;
}

function expectIndices(name: string, index: Tensor): void {
  expectTensor("EmbeddingBag", name, index);
  if (index.dtype !== "int32") throw new DTypeError(`EmbeddingBag: ${name} expected int32, got ${index.dtype}`);
}

/** Bags of different lengths as rows [N, longest]: positions in the list of indices, and which ones count. */
function rowsOfBags(starts: readonly number[], length: number): { positions: Tensor; inside: Tensor } {
  const ends = [...starts.slice(1), length];
  const longest = Math.max(1, ...starts.map((start, bag) => ends[bag] - start));
  const each = (value: (start: number, count: number, k: number) => number) =>
    Int32Array.from({ length: starts.length * longest }, (_, i) => {
      const bag = Math.floor(i / longest);
      return value(starts[bag], ends[bag] - starts[bag], i % longest);
    });
  const shape = [starts.length, longest];
  const positions = tensor(
    each((start, count, k) => (k < count ? start + k : 0)),
    { shape },
  );
  return {
    positions,
    inside: tensor(
      each((_, count, k) => Number(k < count)),
      { shape, dtype: "bool" },
    ),
  };
}

/**
 * Sums, means or maxima of the vectors of several indices, as `torch.nn.EmbeddingBag`. The bags are the rows
 * of int32 [N, L], or the parts of int32 [T] that begin at the N positions `offsets`. The result is [N,
 * embeddingDim]; that of an empty bag is 0.
 *
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * const bag = new nn.EmbeddingBag(10, 3, { mode: "sum" });
 * const index = tensor([1, 2, 4, 4, 3], { dtype: "int32" });
 * console.log(bag.forward(index, tensor([0, 2], { dtype: "int32" })).shape); // [2, 3]
 * console.log(bag.forward(index.reshape([1, 5])).shape); // [1, 3]
 * ```
 */
export class EmbeddingBag extends Module {
  /** [numEmbeddings, embeddingDim] */
  weight: Parameter;
  readonly mode: "mean" | "sum" | "max";
  readonly paddingIdx: number | null;
  readonly includeLastOffset: boolean;

  constructor(numEmbeddings: number, embeddingDim: number, options?: EmbeddingBagOptions) {
    super();
    const op = "EmbeddingBag";
    checkInteger(op, "numEmbeddings", numEmbeddings, 1);
    checkInteger(op, "embeddingDim", embeddingDim, 1);
    const { mode, paddingIdx, includeLastOffset } = readOptions<Required<EmbeddingBagOptions>>(op, options, {
      mode: "mean",
      paddingIdx: null,
      includeLastOffset: false,
    });
    this.mode = checkChoice(op, "mode", mode, ["mean", "sum", "max"]);
    this.includeLastOffset = checkBoolean(op, "includeLastOffset", includeLastOffset);
    this.paddingIdx = readPaddingIdx(op, paddingIdx, numEmbeddings);
    this.weight = emptyParameter([numEmbeddings, embeddingDim]);
    this.resetParameters();
  }

  /** Initialises the vectors with normal(0, 1); that of `paddingIdx` with zeros. */
  resetParameters(): void {
    initVectors(this.weight, this.paddingIdx);
  }

  /**
   * @param offsets int32 [N]: where each bag begins, in ascending order from 0; null (the default) if the
   *   bags are rows
   * @param perSampleWeights of the shape of `index`: factors of the vectors, for "sum" only
   * @throws ShapeError, DTypeError or OptionError for other arguments.
   */
  override forward(index: Tensor, offsets: Tensor | null = null, perSampleWeights: Tensor | null = null): Tensor {
    expectIndices("index", index);
    if (index.dim() !== (offsets ? 1 : 2)) {
      const expected = offsets ? "index [T] with offsets" : "index [N,L] without offsets";
      throw new ShapeError(`EmbeddingBag: expected ${expected}, got ${formatShape(index.shape)}`);
    }
    if (perSampleWeights !== null) {
      if (this.mode !== "sum") {
        throw new OptionError(`EmbeddingBag: perSampleWeights expected the mode "sum", got "${this.mode}"`);
      }
      expectTensor("EmbeddingBag", "perSampleWeights", perSampleWeights);
      expectSameShape("EmbeddingBag", "perSampleWeights", index.shape, perSampleWeights.shape);
    }
    if (!offsets) return this.#reduce(index, null, perSampleWeights);
    const starts = this.#readOffsets(offsets, index.numel());
    if (index.numel() === 0) return zeros([starts.length, this.weight.shape[1]]);
    const { positions, inside } = rowsOfBags(starts, index.numel());
    return this.#reduce(index.take(positions), inside, perSampleWeights?.take(positions) ?? null);
  }

  /** The first position of each bag. */
  #readOffsets(offsets: Tensor, length: number): number[] {
    expectIndices("offsets", offsets);
    if (offsets.dim() !== 1) {
      throw new ShapeError(`EmbeddingBag: offsets expected a vector, got ${formatShape(offsets.shape)}`);
    }
    const starts = Array.from(offsets.data());
    const isValid = starts.every((start, i) => start <= length && (i === 0 ? start === 0 : start >= starts[i - 1]));
    if (!isValid || (this.includeLastOffset && starts.pop() !== length)) {
      const last = this.includeLastOffset ? `, and end with ${length}` : "";
      throw new OptionError(
        `EmbeddingBag: offsets expected to begin with 0 and ascend to at most ${length}${last}, got ${starts}`,
      );
    }
    return starts;
  }

  /** Reduces the vectors of the rows of `index`; `inside` marks the indices that are there. */
  #reduce(index: Tensor, inside: Tensor | null, weights: Tensor | null): Tensor {
    let vectors = embedding(index, this.weight, { paddingIdx: this.paddingIdx });
    const counted = this.paddingIdx === null ? null : index.ne(this.paddingIdx);
    const counts = (counted && inside ? counted.logicalAnd(inside) : (counted ?? inside))?.unsqueeze(2);
    if (this.mode === "max") {
      if (!counts) return vectors.max(1).values;
      // an empty bag gives 0
      return vectors.where(counts, -Infinity).max(1).values.where(counts.any(1), 0);
    }
    if (weights) vectors = vectors.mul(weights.unsqueeze(2));
    const sum = (counts ? vectors.where(counts, 0) : vectors).sum(1);
    if (this.mode === "sum") return sum;
    return counts ? sum.div(counts.float().sum(1).clamp({ min: 1 })) : sum.div(Math.max(index.shape[1], 1));
  }

  override extraRepr(): string {
    return `${this.weight.shape.join(", ")}, mode=${this.mode}`;
  }
}
