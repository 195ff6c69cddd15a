import { checkBoolean, checkChoice, checkInteger, checkNumber, readOptions } from "../../checks.ts";
import { OptionError } from "../../errors.ts";
import { expectTensor } from "../../tensor/apply.ts";
import { ones } from "../../tensor/fill.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { gelu, relu } from "../functional/activation.ts";
import { Module } from "../module.ts";
import { MultiheadAttention } from "./attention.ts";
import { Dropout } from "./dropout.ts";
import { attendCached, type KeyValueCache } from "./key_value_cache.ts";
import { Linear } from "./linear.ts";
import { LayerNorm } from "./norm.ts";

export interface TransformerLayerOptions {
  /** Width of the hidden layer after the attention. Default 2048. */
  dimFeedforward?: number;
  /** Probability of dropping an element in training. Default 0.1. */
  dropout?: number;
  /** "relu" (the default), "gelu", or a function. */
  activation?: "relu" | "gelu" | ((x: Tensor) => Tensor);
  /** Default 1e-5. */
  layerNormEps?: number;
  /** Whether inputs are [N, L, E] rather than [L, N, E]. Default false. */
  batchFirst?: boolean;
  /** Whether the norms come before attention and feed-forward layers rather than after. Default false. */
  normFirst?: boolean;
  /** Whether linear layers and norms have biases. Default true. */
  bias?: boolean;
}

const DEFAULTS: Required<TransformerLayerOptions> = {
  dimFeedforward: 2048,
  dropout: 0.1,
  activation: "relu",
  layerNormEps: 1e-5,
  batchFirst: false,
  normFirst: false,
  bias: true,
};

function readLayer(op: string, options: TransformerLayerOptions | undefined): Required<TransformerLayerOptions> {
  const read = { ...readOptions(op, options, DEFAULTS) };
  checkInteger(op, "dimFeedforward", read.dimFeedforward, 1);
  checkNumber(op, "dropout", read.dropout, 0, 1);
  checkNumber(op, "layerNormEps", read.layerNormEps, 0);
  for (const name of ["batchFirst", "normFirst", "bias"] as const) checkBoolean(op, name, read[name]);
  if (typeof read.activation !== "function") checkChoice(op, "activation", read.activation, ["relu", "gelu"]);
  return read;
}

function activationOf(activation: Required<TransformerLayerOptions>["activation"]): (x: Tensor) => Tensor {
  if (typeof activation === "function") return activation;
  return activation === "relu" ? relu : gelu;
}

/** Masks of an encoder layer. */
export interface EncoderMasks {
  /**
   * [L, L] or [N·heads, L, L]: bool (true where attention is not allowed) or float32 (added to the scores).
   */
  srcMask?: Tensor | null;
  /** [N, L], bool: true for positions that are ignored. */
  srcKeyPaddingMask?: Tensor | null;
  /** Whether position i sees positions 0 to i only; in place of `srcMask`. Default false. */
  isCausal?: boolean;
  /**
   * For generation: x has new positions only, which see those in the cache and, causally, each other. Other
   * masks are not allowed.
   */
  cache?: KeyValueCache | null;
}

const NO_MASKS: Required<EncoderMasks> = { srcMask: null, srcKeyPaddingMask: null, isCausal: false, cache: null };

/** True above the diagonal: positions that a causal layer must not see. */
export function causalMask(length: number): Tensor {
  return ones([length, length]).triu(1).bool();
}

/** The mask of a causal layer, or the one that was given. */
function maskOf(op: string, x: Tensor, mask: Tensor | null, isCausal: boolean, batchFirst: boolean): Tensor | null {
  checkBoolean(op, "isCausal", isCausal);
  if (mask !== null || !isCausal) return mask;
  return causalMask(x.shape[x.dim() === 3 && batchFirst ? 1 : 0]);
}

/**
 * Self-attention and a feed-forward network, each with a residual connection and a layer norm. Matches
 * `torch.nn.TransformerEncoderLayer`.
 *
 * `forward(x, { srcMask, srcKeyPaddingMask, isCausal, cache })`, x [L,N,E] ([N,L,E] with `batchFirst`) or
 * [L,E].
 *
 * @param options `dimFeedforward` 2048, `dropout` 0.1, `activation` "relu", `layerNormEps` 1e-5, `batchFirst`
 *   false, `normFirst` false, `bias` true
 * see: Vaswani et al., Attention is all you need, 2017
 * @example
 * ```ts
 * import { nn, randn } from "wasmgrad";
 * const layer = new nn.TransformerEncoderLayer(16, 4, { dimFeedforward: 32, batchFirst: true });
 * console.log(layer.forward(randn([2, 5, 16]), { isCausal: true }).shape); // [2, 5, 16]
 * ```
 */
export class TransformerEncoderLayer extends Module {
  static override readonly stateNames = { selfAttn: "self_attn" };
  selfAttn: MultiheadAttention;
  linear1: Linear;
  dropout: Dropout;
  linear2: Linear;
  norm1: LayerNorm;
  norm2: LayerNorm;
  dropout1: Dropout;
  dropout2: Dropout;
  readonly dModel: number;
  readonly nhead: number;
  readonly options: Readonly<Required<TransformerLayerOptions>>;

  constructor(dModel: number, nhead: number, options?: TransformerLayerOptions) {
    super();
    const op = "TransformerEncoderLayer";
    this.dModel = checkInteger(op, "dModel", dModel, 1);
    this.nhead = checkInteger(op, "nhead", nhead, 1);
    this.options = readLayer(op, options);
    const { dimFeedforward, dropout: p, layerNormEps: eps, batchFirst, bias } = this.options;
    this.selfAttn = new MultiheadAttention(dModel, nhead, { dropout: p, bias, batchFirst });
    this.linear1 = new Linear(dModel, dimFeedforward, { bias });
    this.dropout = new Dropout(p);
    this.linear2 = new Linear(dimFeedforward, dModel, { bias });
    this.norm1 = new LayerNorm(dModel, { eps, bias });
    this.norm2 = new LayerNorm(dModel, { eps, bias });
    this.dropout1 = new Dropout(p);
    this.dropout2 = new Dropout(p);
  }

  /** A layer with the same options and values. */
  clone(): TransformerEncoderLayer {
    const copy = new TransformerEncoderLayer(this.dModel, this.nhead, this.options);
    copy.loadStateDict(this.stateDict());
    return copy;
  }

  #attend(x: Tensor, masks: Required<EncoderMasks>): Tensor {
    const { batchFirst } = this.options;
    if (masks.cache !== null) {
      if (masks.srcMask || masks.srcKeyPaddingMask) {
        throw new OptionError("TransformerEncoderLayer: with a cache, expected no masks");
      }
      const rows = x.dim() === 2 ? x.unsqueeze(0) : batchFirst ? x : x.transpose(0, 1);
      const y = attendCached(this.selfAttn, rows, masks.cache);
      return this.dropout1.forward(x.dim() === 2 ? y.squeeze(0) : batchFirst ? y : y.transpose(0, 1));
    }
    const attnMask = maskOf("TransformerEncoderLayer", x, masks.srcMask, masks.isCausal, batchFirst);
    const options = { attnMask, keyPaddingMask: masks.srcKeyPaddingMask, needWeights: false };
    return this.dropout1.forward(this.selfAttn.forward(x, x, x, options)[0]);
  }

  #feedForward(x: Tensor): Tensor {
    const hidden = activationOf(this.options.activation)(this.linear1.forward(x));
    return this.dropout2.forward(this.linear2.forward(this.dropout.forward(hidden)));
  }

  override forward(src: Tensor, masks?: EncoderMasks): Tensor {
    const read = readOptions<Required<EncoderMasks>>("TransformerEncoderLayer.forward", masks, NO_MASKS);
    expectTensor("TransformerEncoderLayer", "src", src);
    if (this.options.normFirst) {
      const x = src.add(this.#attend(this.norm1.forward(src), read));
      return x.add(this.#feedForward(this.norm2.forward(x)));
    }
    const x = this.norm1.forward(src.add(this.#attend(src, read)));
    return this.norm2.forward(x.add(this.#feedForward(x)));
  }
}

/** Masks of a decoder layer: of the target (as an encoder's), and of the memory. */
export interface DecoderMasks {
  tgtMask?: Tensor | null;
  memoryMask?: Tensor | null;
  tgtKeyPaddingMask?: Tensor | null;
  memoryKeyPaddingMask?: Tensor | null;
  /** Whether target position i sees positions 0 to i only; in place of `tgtMask`. Default false. */
  tgtIsCausal?: boolean;
  /** For generation, as in `TransformerEncoderLayer`: of the target's self-attention. */
  cache?: KeyValueCache | null;
}

/** The masks of a decoder, all absent. */
export const NO_DECODER_MASKS: Required<DecoderMasks> = {
  tgtMask: null,
  memoryMask: null,
  tgtKeyPaddingMask: null,
  memoryKeyPaddingMask: null,
  tgtIsCausal: false,
  cache: null,
};

/**
 * Self-attention, attention to an encoder's output, and a feed-forward network, each with a residual
 * connection and a layer norm. Matches `torch.nn.TransformerDecoderLayer`.
 *
 * `forward(tgt, memory, masks)`, with `tgtMask`, `memoryMask`, `tgtKeyPaddingMask`, `memoryKeyPaddingMask`,
 * `tgtIsCausal` and `cache`.
 *
 * @param options as in `TransformerEncoderLayer`
 * @example
 * ```ts
 * import { nn, randn } from "wasmgrad";
 * const layer = new nn.TransformerDecoderLayer(16, 4, { dimFeedforward: 32, batchFirst: true });
 * console.log(layer.forward(randn([2, 3, 16]), randn([2, 5, 16]), { tgtIsCausal: true }).shape); // [2, 3, 16]
 * ```
 */
export class TransformerDecoderLayer extends Module {
  static override readonly stateNames = { selfAttn: "self_attn", multiheadAttn: "multihead_attn" };
  selfAttn: MultiheadAttention;
  multiheadAttn: MultiheadAttention;
  linear1: Linear;
  dropout: Dropout;
  linear2: Linear;
  norm1: LayerNorm;
  norm2: LayerNorm;
  norm3: LayerNorm;
  dropout1: Dropout;
  dropout2: Dropout;
  dropout3: Dropout;
  readonly dModel: number;
  readonly nhead: number;
  readonly options: Readonly<Required<TransformerLayerOptions>>;

  constructor(dModel: number, nhead: number, options?: TransformerLayerOptions) {
    super();
    const op = "TransformerDecoderLayer";
    this.dModel = checkInteger(op, "dModel", dModel, 1);
    this.nhead = checkInteger(op, "nhead", nhead, 1);
    this.options = readLayer(op, options);
    const { dimFeedforward, dropout: p, layerNormEps: eps, batchFirst, bias } = this.options;
    this.selfAttn = new MultiheadAttention(dModel, nhead, { dropout: p, bias, batchFirst });
    this.multiheadAttn = new MultiheadAttention(dModel, nhead, { dropout: p, bias, batchFirst });
    this.linear1 = new Linear(dModel, dimFeedforward, { bias });
    this.dropout = new Dropout(p);
    this.linear2 = new Linear(dimFeedforward, dModel, { bias });
    this.norm1 = new LayerNorm(dModel, { eps, bias });
    this.norm2 = new LayerNorm(dModel, { eps, bias });
    this.norm3 = new LayerNorm(dModel, { eps, bias });
    this.dropout1 = new Dropout(p);
    this.dropout2 = new Dropout(p);
    this.dropout3 = new Dropout(p);
  }

  /** A layer with the same options and values. */
  clone(): TransformerDecoderLayer {
    const copy = new TransformerDecoderLayer(this.dModel, this.nhead, this.options);
    copy.loadStateDict(this.stateDict());
    return copy;
  }

  #attendSelf(x: Tensor, masks: Required<DecoderMasks>): Tensor {
    const { batchFirst } = this.options;
    if (masks.cache !== null) {
      if (masks.tgtMask || masks.tgtKeyPaddingMask) {
        throw new OptionError("TransformerDecoderLayer: with a cache, expected no masks of the target");
      }
      const rows = x.dim() === 2 ? x.unsqueeze(0) : batchFirst ? x : x.transpose(0, 1);
      const y = attendCached(this.selfAttn, rows, masks.cache);
      return this.dropout1.forward(x.dim() === 2 ? y.squeeze(0) : batchFirst ? y : y.transpose(0, 1));
    }
    const attnMask = maskOf("TransformerDecoderLayer", x, masks.tgtMask, masks.tgtIsCausal, batchFirst);
    const options = { attnMask, keyPaddingMask: masks.tgtKeyPaddingMask, needWeights: false };
    return this.dropout1.forward(this.selfAttn.forward(x, x, x, options)[0]);
  }

  #attendMemory(x: Tensor, memory: Tensor, masks: Required<DecoderMasks>): Tensor {
    const options = { attnMask: masks.memoryMask, keyPaddingMask: masks.memoryKeyPaddingMask, needWeights: false };
    return this.dropout2.forward(this.multiheadAttn.forward(x, memory, memory, options)[0]);
  }

  #feedForward(x: Tensor): Tensor {
    const hidden = activationOf(this.options.activation)(this.linear1.forward(x));
    return this.dropout3.forward(this.linear2.forward(this.dropout.forward(hidden)));
  }

  override forward(tgt: Tensor, memory: Tensor, masks?: DecoderMasks): Tensor {
    const op = "TransformerDecoderLayer";
    const read = readOptions<Required<DecoderMasks>>(`${op}.forward`, masks, NO_DECODER_MASKS);
    expectTensor(op, "tgt", tgt);
    expectTensor(op, "memory", memory);
    if (this.options.normFirst) {
      const x = tgt.add(this.#attendSelf(this.norm1.forward(tgt), read));
      const y = x.add(this.#attendMemory(this.norm2.forward(x), memory, read));
      return y.add(this.#feedForward(this.norm3.forward(y)));
    }
    const x = this.norm1.forward(tgt.add(this.#attendSelf(tgt, read)));
    const y = this.norm2.forward(x.add(this.#attendMemory(x, memory, read)));
    return this.norm3.forward(y.add(this.#feedForward(y)));
  }
}
