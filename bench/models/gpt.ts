/** A small GPT with the names of karpathy/nanoGPT: 65 characters, 128 of them in a row. */
import { arange, nn, optim, type Tensor } from "wasmgrad";
import type { Program } from "./program.ts";
import { Block, Mlp } from "./transformer.ts";

class CausalSelfAttention extends nn.Module {
  static override readonly stateNames = { qkv: "c_attn", proj: "c_proj" };
  qkv: nn.Linear;
  proj: nn.Linear;
  readonly heads: number;

  constructor(width: number, heads: number) {
    super();
    this.qkv = new nn.Linear(width, 3 * width);
    this.proj = new nn.Linear(width, width);
    this.heads = heads;
  }

  override forward(x: Tensor): Tensor {
    const [batch, length, width] = x.shape;
    const inHeads = [batch, length, this.heads, width / this.heads];
    const parts = this.qkv.forward(x).split(width, 2);
    const [q, k, v] = parts.map((part) => part.reshape(inHeads).transpose(1, 2));
    const attended = nn.functional.scaledDotProductAttention(q, k, v, { isCausal: true });
    return this.proj.forward(attended.transpose(1, 2).reshape([batch, length, width]));
  }
}

class NamedMlp extends Mlp {
  static override readonly stateNames = { fc1: "c_fc", fc2: "c_proj" };
}

class NamedBlock extends Block {
  static override readonly stateNames = { norm1: "ln_1", norm2: "ln_2" };
}

function block(width: number, heads: number): Block {
  return new NamedBlock(width, new CausalSelfAttention(width, heads), new NamedMlp(width));
}

class Transformer extends nn.Module {
  static override readonly stateNames = { tokens: "wte", positions: "wpe", blocks: "h", norm: "ln_f" };
  tokens: nn.Embedding;
  positions: nn.Embedding;
  blocks: nn.Sequential;
  norm: nn.LayerNorm;

  constructor(characters: number, length: number, layers: number, heads: number, width: number) {
    super();
    this.tokens = new nn.Embedding(characters, width);
    this.positions = new nn.Embedding(length, width);
    this.blocks = new nn.Sequential(...Array.from({ length: layers }, () => block(width, heads)));
    this.norm = new nn.LayerNorm(width);
  }

  override forward(tokens: Tensor): Tensor {
    const positions = this.positions.forward(arange(tokens.shape[1]));
    return this.norm.forward(this.blocks.forward(this.tokens.forward(tokens).add(positions)));
  }
}

class GPT extends nn.Module {
  static override readonly stateNames = { head: "lm_head" };
  transformer: Transformer;
  head: nn.Linear;

  constructor({ characters = 65, length = 128, layers = 4, heads = 4, width = 128 } = {}) {
    super();
    this.transformer = new Transformer(characters, length, layers, heads, width);
    this.head = new nn.Linear(width, characters, { bias: false });
    // one matrix for both, as in nanoGPT
    this.transformer.tokens.weight = this.head.weight;
    for (const [name, weight] of this.namedParameters()) {
      const scale = name.endsWith("c_proj.weight") ? 1 / Math.sqrt(2 * layers) : 1;
      if (weight.dim() > 1) nn.init.normal_(weight, 0, 0.02 * scale);
    }
  }

  override forward(tokens: Tensor): Tensor {
    return this.head.forward(this.transformer.forward(tokens));
  }
}

export function gpt(): Program {
  const model = new GPT();
  const parameters = model.parameters();
  const optimizer = new optim.AdamW(
    [
      { params: parameters.filter((weight) => weight.dim() > 1), weightDecay: 0.1 },
      { params: parameters.filter((weight) => weight.dim() <= 1), weightDecay: 0 },
    ],
    { lr: 1e-3, betas: [0.9, 0.99] },
  );
  return {
    model,
    forward: (x) => model.forward(x),
    step(x, y) {
      const loss = nn.functional.crossEntropy(model.forward(x).flatten(0, 1), y.flatten());
      optimizer.zeroGrad();
      loss.backward();
      nn.utils.clipGradNorm_(parameters, 1);
      optimizer.step();
      return [loss.item()];
    },
  };
}
