import { checkInteger, checkNumber, readOptions } from "../checks.ts";
import { linear } from "../nn/functional/linear.ts";
import { normal_ } from "../nn/init.ts";
import { GELU } from "../nn/layers/activation.ts";
import { MultiheadAttention } from "../nn/layers/attention.ts";
import { ModuleList, Sequential } from "../nn/layers/container.ts";
import { Dropout } from "../nn/layers/dropout.ts";
import { Embedding } from "../nn/layers/embedding.ts";
import { Linear } from "../nn/layers/linear.ts";
import { LayerNorm } from "../nn/layers/norm.ts";
import { Module } from "../nn/module.ts";
import { Parameter } from "../nn/parameter.ts";
import { zeros } from "../tensor/fill.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { PAD } from "./tokenizer.ts";

/** One pre-norm layer: `x + attention(norm(x))`, then `x + feedforward(norm(x))`. */
class TransformerLayer extends Module {
  norm1: LayerNorm;
  attention: MultiheadAttention;
  norm2: LayerNorm;
  feedforward: Sequential;
  drop: Dropout;

  constructor(width: number, heads: number, dropout: number) {
    super();
    this.norm1 = new LayerNorm([width]);
    this.attention = new MultiheadAttention(width, heads, { batchFirst: true, dropout });
    this.norm2 = new LayerNorm([width]);
    this.feedforward = new Sequential(new Linear(width, 4 * width), new GELU(), new Linear(4 * width, width));
    this.drop = new Dropout(dropout);
  }

  override forward(x: Tensor, padding: Tensor): Tensor {
    const y = this.norm1.forward(x);
    const [attended] = this.attention.forward(y, y, y, { keyPaddingMask: padding, needWeights: false });
    const z = x.add(this.drop.forward(attended));
    return z.add(this.drop.forward(this.feedforward.forward(this.norm2.forward(z))));
  }
}

/**
 * A transformer encoder for masked language modelling. It maps token numbers, int32 [N,L] (0 is padding), to
 * scores of all words, [N,L,V]. It consists of an embedding with learned positions, layers of attention and
 * feed-forward networks with GELU, and a final norm. The output weights are the embedding's (tied weights).
 *
 * see: Devlin et al., "BERT", 2019; Press & Wolf, "Using the output embedding to improve language models",
 * 2017
 * @param vocabulary number of tokens
 * @param options `width` (default 96), `layers` (2), `heads` (4), `length` of the longest text (32),
 * `dropout` (0.1)
 * @throws OptionError
 * @example
 * ```ts
 * import { tensor } from "wasmgrad";
 * import { MaskedLanguageModel } from "wasmgrad/self-supervised";
 * const model = new MaskedLanguageModel(50, { width: 16, heads: 2, length: 8 });
 * console.log(model.forward(tensor([[3, 2, 7, 0]], { dtype: "int32" })).shape); // [1, 4, 50]
 * ```
 */
export class MaskedLanguageModel extends Module {
  tokens: Embedding;
  positions: Parameter;
  layers: ModuleList;
  norm: LayerNorm;
  bias: Parameter;
  drop: Dropout;

  constructor(
    vocabulary: number,
    options?: { width?: number; layers?: number; heads?: number; length?: number; dropout?: number },
  ) {
    super();
    const op = "MaskedLanguageModel";
    const given = readOptions(op, options, { width: 96, layers: 2, heads: 4, length: 32, dropout: 0.1 });
    const width = checkInteger(op, "width", given.width, 1);
    const dropout = checkNumber(op, "dropout", given.dropout, 0, 1);
    this.tokens = new Embedding(checkInteger(op, "vocabulary", vocabulary, 1), width);
    normal_(this.tokens.weight, 0, 0.02);
    this.positions = new Parameter(zeros([checkInteger(op, "length", given.length, 1), width]));
    normal_(this.positions, 0, 0.02);
    const layer = () => new TransformerLayer(width, given.heads, dropout);
    this.layers = new ModuleList(Array.from({ length: checkInteger(op, "layers", given.layers, 1) }, layer));
    this.norm = new LayerNorm([width]);
    this.bias = new Parameter(zeros([vocabulary]));
    this.drop = new Dropout(dropout);
  }

  /**
   * @param options `at` int32 [K]: returns the scores at these positions only, [K,V]; a position is
   *   `row · L + column`. Most of the work is the product with the weights of all words, which only hidden
   *   words need.
   */
  override forward(tokens: Tensor, options?: { at?: Tensor }): Tensor {
    const { at } = readOptions("MaskedLanguageModel.forward", options, { at: undefined as Tensor | undefined });
    const padding = tokens.eq(PAD);
    const positions = this.positions.narrow(0, 0, tokens.shape[1]);
    let x = this.drop.forward(this.tokens.forward(tokens).add(positions));
    for (const layer of this.layers) x = layer.forward(x, padding);
    if (at) x = x.flatten(0, 1).indexSelect(0, at);
    return linear(this.norm.forward(x), this.tokens.weight, this.bias);
  }
}
