import { checkBoolean, checkInteger, checkNumber, readOptions } from "../../checks.ts";
import { DTypeError, formatShape, OptionError, ShapeError } from "../../errors.ts";
import { expectSameShape } from "../../ops/core/array.ts";
import { expectTensor } from "../../tensor/apply.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { softmaxOver } from "../functional/attention.ts";
import { dropout } from "../functional/dropout.ts";
import { linear } from "../functional/linear.ts";
import { xavierUniform, zeros } from "../init.ts";
import { emptyParameter } from "../internal/default_init.ts";
import { Module } from "../module.ts";
import type { Parameter } from "../parameter.ts";
import { Linear } from "./linear.ts";

export interface MultiheadAttentionOptions {
  /** Probability of dropping an attention weight in training. Default 0. */
  dropout?: number;
  /** Whether the projections have biases. Default true. */
  bias?: boolean;
  /** Whether inputs and result are [N, L, E] rather than PyTorch's default [L, N, E]. Default false. */
  batchFirst?: boolean;
}

export interface AttendOptions {
  /**
   * [L, S] or [N·heads, L, S]: either bool (true where attention is not allowed) or float32 (added to the
   * scores).
   */
  attnMask?: Tensor | null;
  /** [N, S], bool: true for keys that are ignored. */
  keyPaddingMask?: Tensor | null;
  /** Whether the attention weights are returned. Default true. */
  needWeights?: boolean;
  /** Whether the returned weights are averaged over the heads. Default true. */
  averageAttnWeights?: boolean;
}

/**
 * Multi-head attention (Vaswani et al. 2017): `concat(softmax(Q Kᵀ / √d) V) Wₒ + bₒ`. The projections to Q, K
 * and V are thirds of a single weight. Matches `torch.nn.MultiheadAttention` except for queries whose keys
 * are all masked: their input to the last projection and their gradient are 0 rather than NaN.
 *
 * @example
 * ```ts
 * import { nn, randn } from "wasmgrad";
 * const attention = new nn.MultiheadAttention(8, 2, { batchFirst: true });
 * const x = randn([3, 5, 8]);
 * const [y, weights] = attention.forward(x, x, x);
 * console.log(y.shape, weights?.shape); // [3, 5, 8] [3, 5, 5]
 * ```
 */
export class MultiheadAttention extends Module {
  static override readonly stateNames = {
    inProjWeight: "in_proj_weight",
    inProjBias: "in_proj_bias",
    outProj: "out_proj",
  };
  /** Projections of queries, keys and values, concatenated: [3 · embedDim, embedDim]. */
  inProjWeight: Parameter;
  inProjBias: Parameter | null;
  outProj: Linear;
  readonly embedDim: number;
  readonly numHeads: number;
  readonly dropout: number;
  readonly batchFirst: boolean;

  constructor(embedDim: number, numHeads: number, options?: MultiheadAttentionOptions) {
    super();
    const op = "MultiheadAttention";
    const { bias, ...rest } = readOptions<Required<MultiheadAttentionOptions>>(op, options, {
      dropout: 0,
      bias: true,
      batchFirst: false,
    });
    this.embedDim = checkInteger(op, "embedDim", embedDim, 1);
    this.numHeads = checkInteger(op, "numHeads", numHeads, 1);
    if (embedDim % numHeads !== 0) {
      throw new OptionError(`${op}: embedDim expected a multiple of numHeads ${numHeads}, got ${embedDim}`);
    }
    this.dropout = checkNumber(op, "dropout", rest.dropout, 0, 1);
    this.batchFirst = checkBoolean(op, "batchFirst", rest.batchFirst);
    this.inProjWeight = emptyParameter([3 * embedDim, embedDim]);
    this.inProjBias = checkBoolean(op, "bias", bias) ? emptyParameter([3 * embedDim]) : null;
    this.outProj = new Linear(embedDim, embedDim, { bias });
    this.resetParameters();
  }

  /** Initialises the parameters: projections uniform, biases 0. */
  resetParameters(): void {
    xavierUniform(this.inProjWeight);
    this.outProj.resetParameters();
    if (this.inProjBias) zeros(this.inProjBias);
    if (this.outProj.bias) zeros(this.outProj.bias);
  }

  /**
   * @param query [L, N, E], and `key`, `value` [S, N, E] ([N, L, E] and [N, S, E] with `batchFirst`), or
   *   without a batch [L, E], [S, E]
   * @returns the result in the query's shape, and the weights ([N, L, S], or [N, heads, L, S] if not
   *   averaged) or null.
   */
  override forward(query: Tensor, key: Tensor, value: Tensor, options?: AttendOptions): [Tensor, Tensor | null] {
    const { attnMask, keyPaddingMask, needWeights, averageAttnWeights } = readOptions(
      "MultiheadAttention.forward",
      options,
      {
        attnMask: null as Tensor | null,
        keyPaddingMask: null as Tensor | null,
        needWeights: true,
        averageAttnWeights: true,
      },
    );
    this.#checkInputs(query, key, value);
    const batched = query.dim() === 3;
    const arrange = (x: Tensor) => (!batched ? x.unsqueeze(0) : this.batchFirst ? x : x.transpose(0, 1));
    const [q, k, v] = [query, key, value].map((x, part) => this.#project(arrange(x), part));
    let scores = q.mul(1 / Math.sqrt(this.embedDim / this.numHeads)).matmul(k.transpose(2, 3));
    let visible: Tensor | undefined;
    if (attnMask) {
      const mask = fitMask(scores, attnMask);
      const isAdded = mask.dtype === "float32";
      if (isAdded) scores = scores.add(mask);
      visible = isAdded ? mask.ne(Number.NEGATIVE_INFINITY) : mask.logicalNot();
    }
    if (keyPaddingMask) {
      const real = fitPadding(scores, keyPaddingMask).logicalNot();
      visible = visible?.logicalAnd(real) ?? real;
    }
    const shares = visible ? softmaxOver(visible, scores) : scores.softmax(3);
    const weights = dropout(shares, { p: this.dropout, training: this.training });
    const [images, , length] = weights.shape;
    const joined = weights.matmul(v).permute([0, 2, 1, 3]).reshape([images, length, this.embedDim]);
    const y = this.outProj.forward(joined);
    const result = !batched ? y.squeeze(0) : this.batchFirst ? y : y.transpose(0, 1);
    if (!needWeights) return [result, null];
    const shown = averageAttnWeights ? weights.mean(1) : weights;
    return [result, batched ? shown : shown.squeeze(0)];
  }

  #checkInputs(query: Tensor, key: Tensor, value: Tensor): void {
    for (const [name, x] of Object.entries({ query, key, value })) expectTensor("MultiheadAttention", name, x);
    const axes = this.batchFirst ? "[N,L,E]" : "[L,N,E]";
    const batchAxis = this.batchFirst ? 0 : 1;
    const rank = query.dim();
    const fits = (x: Tensor) =>
      x.dim() === rank &&
      x.shape[rank - 1] === this.embedDim &&
      (rank === 2 || x.shape[batchAxis] === query.shape[batchAxis]);
    if ((rank !== 2 && rank !== 3) || ![query, key, value].every(fits)) {
      throw new ShapeError(
        `MultiheadAttention: expected query, key, value ${axes} or [L,E] with E = ${this.embedDim} and one N, ` +
          `got ${[query, key, value].map((x) => formatShape(x.shape)).join(", ")}`,
      );
    }
    expectSameShape("MultiheadAttention", "value, as the key,", key.shape, value.shape);
  }

  /** Projects a query (part 0), key (1) or value (2) [N, L, E] and splits it into heads: [N, heads, L, d]. */
  #project(x: Tensor, part: number): Tensor {
    const { embedDim, numHeads, inProjWeight, inProjBias } = this;
    const weight = inProjWeight.narrow(0, part * embedDim, embedDim);
    const bias = inProjBias ? inProjBias.narrow(0, part * embedDim, embedDim) : null;
    const [images, length] = x.shape;
    return linear(x, weight, bias)
      .reshape([images, length, numHeads, embedDim / numHeads])
      .permute([0, 2, 1, 3]);
  }
}

/** Reshapes a mask [L, S] or [N·heads, L, S] so that it broadcasts to scores [N, heads, L, S]. */
function fitMask(scores: Tensor, mask: Tensor): Tensor {
  const [images, heads, length, source] = scores.shape;
  const expected = mask.dim() === 3 ? [images * heads, length, source] : [length, source];
  expectSameShape("MultiheadAttention", "attnMask", expected, mask.shape);
  if (mask.dtype !== "bool" && mask.dtype !== "float32") {
    throw new DTypeError(`MultiheadAttention: attnMask expected bool or float32, got ${mask.dtype}`);
  }
  return mask.dim() === 3 ? mask.reshape([images, heads, length, source]) : mask;
}

function fitPadding(scores: Tensor, mask: Tensor): Tensor {
  const [images, , , source] = scores.shape;
  expectSameShape("MultiheadAttention", "keyPaddingMask", [images, source], mask.shape);
  if (mask.dtype !== "bool")
    throw new DTypeError(`MultiheadAttention: keyPaddingMask expected bool, got ${mask.dtype}`);
  return mask.reshape([images, 1, 1, source]);
}
