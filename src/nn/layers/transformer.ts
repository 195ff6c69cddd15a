import { checkInteger, describe, readOptions } from "../../checks.ts";
import { OptionError } from "../../errors.ts";
import { expectTensor } from "../../tensor/apply.ts";
import { zeros } from "../../tensor/fill.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { xavierUniform_ } from "../init.ts";
import { Module } from "../module.ts";
import { ModuleList } from "./container.ts";
import { KeyValueCache } from "./key_value_cache.ts";
import { LayerNorm } from "./norm.ts";
import {
  causalMask,
  type DecoderMasks,
  type EncoderMasks,
  NO_DECODER_MASKS,
  TransformerDecoderLayer,
  TransformerEncoderLayer,
  type TransformerLayerOptions,
} from "./transformer_layers.ts";

/** Copies of a layer, or what a function makes. */
function layersOf<L extends Module & { clone(): L }>(
  op: string,
  type: new (...args: never[]) => L,
  layer: L | (() => L),
  numLayers: number,
): ModuleList<L> {
  checkInteger(op, "numLayers", numLayers, 1);
  const layers = Array.from({ length: numLayers }, () => (layer instanceof type ? layer.clone() : layer));
  const made = layers.map((item) => (typeof item === "function" && !isClass(item) ? (item as () => L)() : item));
  for (const item of made) {
    if (!(item instanceof type)) throw new OptionError(`${op}: expected a ${type.name}, got ${describe(item)}`);
  }
  return new ModuleList(made as L[]);
}

const isClass = (value: unknown) => /^class\b/.test(Function.prototype.toString.call(value));

function checkNorm(op: string, norm: Module | null): Module | null {
  if (norm !== null && !(norm instanceof Module)) {
    throw new OptionError(`${op}: norm expected a module or null, got ${describe(norm)}`);
  }
  return norm;
}

function checkCaches(op: string, caches: readonly KeyValueCache[] | null, layers: number): void {
  if (caches === null || (Array.isArray(caches) && caches.length === layers)) return;
  throw new OptionError(`${op}: caches expected ${layers}, one for each layer: see caches()`);
}

/** Masks of all layers; `caches`, one per layer, replaces `cache`. */
export type EncoderStackMasks = Omit<EncoderMasks, "cache"> & { caches?: readonly KeyValueCache[] | null };

/**
 * A stack of encoder layers. Matches `torch.nn.TransformerEncoder`: the layers are copies of the given one
 * with the same values. Pass a function that makes a layer for layers with different values.
 *
 * `forward(src, { srcMask, srcKeyPaddingMask, isCausal, caches })`. To generate, make `caches()` once and
 * pass only the new positions each time.
 *
 * @param options `norm`: a module that is applied to the result. Default none.
 * @example
 * ```ts
 * import { nn, noGrad, randn } from "wasmgrad";
 * const make = () => new nn.TransformerEncoderLayer(16, 4, { dimFeedforward: 32, batchFirst: true });
 * const model = new nn.TransformerEncoder(make, 2).eval();
 * const caches = model.caches();
 * for (let i = 0; i < 3; i++) noGrad(() => model.forward(randn([1, 1, 16]), { caches }));
 * console.log(caches[0].length); // 3
 * ```
 */
export class TransformerEncoder extends Module {
  layers: ModuleList<TransformerEncoderLayer>;
  norm: Module | null;

  constructor(
    encoderLayer: TransformerEncoderLayer | (() => TransformerEncoderLayer),
    numLayers: number,
    options?: { norm?: Module | null },
  ) {
    super();
    const op = "TransformerEncoder";
    const { norm } = readOptions(op, options, { norm: null as Module | null });
    this.layers = layersOf(op, TransformerEncoderLayer, encoderLayer, numLayers);
    this.norm = checkNorm(op, norm);
  }

  /** Empty caches, one for each layer. */
  caches(): KeyValueCache[] {
    return [...this.layers].map(() => new KeyValueCache());
  }

  override forward(src: Tensor, masks?: EncoderStackMasks): Tensor {
    const op = "TransformerEncoder";
    const { caches, ...rest } = readOptions<Required<EncoderStackMasks>>(`${op}.forward`, masks, {
      srcMask: null,
      srcKeyPaddingMask: null,
      isCausal: false,
      caches: null,
    });
    checkCaches(op, caches, this.layers.length);
    expectTensor(op, "src", src);
    let y = src;
    [...this.layers].forEach((layer, i) => {
      y = layer.forward(y, { ...rest, cache: caches?.[i] ?? null });
    });
    return this.norm ? this.norm.forward(y) : y;
  }
}

/** Masks of all layers; `caches`, one per layer, replaces `cache`. */
export type DecoderStackMasks = Omit<DecoderMasks, "cache"> & { caches?: readonly KeyValueCache[] | null };

/**
 * A stack of decoder layers. Matches `torch.nn.TransformerDecoder`; see `TransformerEncoder`.
 *
 * `forward(tgt, memory, masks)`, with `tgtMask`, `memoryMask`, `tgtKeyPaddingMask`, `memoryKeyPaddingMask`,
 * `tgtIsCausal` and `caches`.
 */
export class TransformerDecoder extends Module {
  layers: ModuleList<TransformerDecoderLayer>;
  norm: Module | null;

  constructor(
    decoderLayer: TransformerDecoderLayer | (() => TransformerDecoderLayer),
    numLayers: number,
    options?: { norm?: Module | null },
  ) {
    super();
    const op = "TransformerDecoder";
    const { norm } = readOptions(op, options, { norm: null as Module | null });
    this.layers = layersOf(op, TransformerDecoderLayer, decoderLayer, numLayers);
    this.norm = checkNorm(op, norm);
  }

  /** Empty caches, one for each layer. */
  caches(): KeyValueCache[] {
    return [...this.layers].map(() => new KeyValueCache());
  }

  override forward(tgt: Tensor, memory: Tensor, masks?: DecoderStackMasks): Tensor {
    const op = "TransformerDecoder";
    const { cache: _, ...none } = NO_DECODER_MASKS;
    const defaults: Required<DecoderStackMasks> = { ...none, caches: null };
    const { caches, ...rest } = readOptions(`${op}.forward`, masks, defaults);
    checkCaches(op, caches, this.layers.length);
    expectTensor(op, "tgt", tgt);
    let y = tgt;
    [...this.layers].forEach((layer, i) => {
      y = layer.forward(y, memory, { ...rest, cache: caches?.[i] ?? null });
    });
    return this.norm ? this.norm.forward(y) : y;
  }
}

export interface TransformerOptions extends TransformerLayerOptions {
  /** Width of the model. Default 512. */
  dModel?: number;
  /** Number of heads. Default 8. */
  nhead?: number;
  /** Default 6. */
  numEncoderLayers?: number;
  /** Default 6. */
  numDecoderLayers?: number;
}

/** Masks of a transformer: of the source, of the target, and of the memory. */
export type TransformerMasks = Omit<DecoderMasks, "cache"> & {
  srcMask?: Tensor | null;
  srcKeyPaddingMask?: Tensor | null;
  srcIsCausal?: boolean;
};

/**
 * An encoder and a decoder. All weight matrices are initialised by Xavier's uniform distribution. Matches
 * `torch.nn.Transformer`.
 *
 * `forward(src, tgt, masks)`: src [S,N,E], tgt [T,N,E] ([N,S,E], [N,T,E] with `batchFirst`).
 *
 * @param options `dModel` 512, `nhead` 8, `numEncoderLayers` 6, `numDecoderLayers` 6, and those of
 *   `TransformerEncoderLayer`
 * @example
 * ```ts
 * import { nn, randn } from "wasmgrad";
 * const options = { dModel: 16, nhead: 2, numEncoderLayers: 1, numDecoderLayers: 1, dimFeedforward: 32 };
 * const model = new nn.Transformer(options);
 * console.log(model.forward(randn([5, 2, 16]), randn([3, 2, 16]), { tgtIsCausal: true }).shape); // [3, 2, 16]
 * ```
 */
export class Transformer extends Module {
  encoder: TransformerEncoder;
  decoder: TransformerDecoder;

  constructor(options?: TransformerOptions) {
    super();
    const op = "Transformer";
    const defaults: Required<TransformerOptions> = {
      dModel: 512,
      nhead: 8,
      numEncoderLayers: 6,
      numDecoderLayers: 6,
      dimFeedforward: 2048,
      dropout: 0.1,
      activation: "relu",
      layerNormEps: 1e-5,
      batchFirst: false,
      normFirst: false,
      bias: true,
    };
    const read = readOptions(op, options, defaults);
    const { dModel, nhead, numEncoderLayers, numDecoderLayers, ...layer } = read;
    checkInteger(op, "dModel", dModel, 1);
    const norm = () => new LayerNorm(dModel, { eps: layer.layerNormEps, bias: layer.bias });
    const encoderLayer = () => new TransformerEncoderLayer(dModel, nhead, layer);
    const decoderLayer = () => new TransformerDecoderLayer(dModel, nhead, layer);
    this.encoder = new TransformerEncoder(encoderLayer, numEncoderLayers, { norm: norm() });
    this.decoder = new TransformerDecoder(decoderLayer, numDecoderLayers, { norm: norm() });
    for (const parameter of this.parameters()) if (parameter.dim() > 1) xavierUniform_(parameter);
  }

  /** [size, size] float32: 0 up to the diagonal, -Infinity above it. */
  static generateSquareSubsequentMask(size: number): Tensor {
    checkInteger("generateSquareSubsequentMask", "size", size, 0);
    return zeros([size, size]).maskedFill(causalMask(size), -Infinity);
  }

  override forward(src: Tensor, tgt: Tensor, masks?: TransformerMasks): Tensor {
    const { cache: _, ...none } = NO_DECODER_MASKS;
    const defaults = { ...none, srcMask: null as Tensor | null, srcKeyPaddingMask: null as Tensor | null };
    const { srcMask, srcKeyPaddingMask, srcIsCausal, ...rest } = readOptions<Required<TransformerMasks>>(
      "Transformer.forward",
      masks,
      { ...defaults, srcIsCausal: false },
    );
    const memory = this.encoder.forward(src, { srcMask, srcKeyPaddingMask, isCausal: srcIsCausal });
    return this.decoder.forward(tgt, memory, rest);
  }
}
