/**
 * A small vision transformer (Dosovitskiy et al. 2020) with timm's names: images of 32x32, patches of 4x4.
 */
import { cat, nn, optim, randn, type Tensor, zeros } from "wasmgrad";
import { type Program, supervised } from "./program.ts";
import { Block, Mlp } from "./transformer.ts";

class Attention extends nn.Module {
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
    const [batch, tokens, width] = x.shape;
    const split = this.qkv.forward(x).reshape([batch, tokens, 3, this.heads, width / this.heads]);
    const qkv = split.permute([2, 0, 3, 1, 4]);
    const [q, k, v] = [0, 1, 2].map((part) => qkv.select(0, part));
    const attended = nn.functional.scaledDotProductAttention(q, k, v);
    return this.proj.forward(attended.transpose(1, 2).reshape([batch, tokens, width]));
  }
}

class PatchEmbed extends nn.Module {
  proj: nn.Conv2d;

  constructor(patch: number, width: number) {
    super();
    this.proj = new nn.Conv2d(3, width, { kernelSize: patch, stride: patch });
  }

  override forward(x: Tensor): Tensor {
    return this.proj.forward(x).flatten(2).transpose(1, 2);
  }
}

class ViT extends nn.Module {
  static override readonly stateNames = {
    patchEmbed: "patch_embed",
    classToken: "cls_token",
    positions: "pos_embed",
  };
  patchEmbed: PatchEmbed;
  classToken: nn.Parameter;
  positions: nn.Parameter;
  blocks: nn.Sequential;
  norm: nn.LayerNorm;
  head: nn.Linear;

  constructor({ width = 192, depth = 6, heads = 3, patch = 4, side = 32, classes = 10 } = {}) {
    super();
    this.patchEmbed = new PatchEmbed(patch, width);
    this.classToken = new nn.Parameter(zeros([1, 1, width]));
    this.positions = new nn.Parameter(randn([1, (side / patch) ** 2 + 1, width]).mul(0.02));
    const block = () => new Block(width, new Attention(width, heads), new Mlp(width));
    this.blocks = new nn.Sequential(...Array.from({ length: depth }, block));
    this.norm = new nn.LayerNorm(width);
    this.head = new nn.Linear(width, classes);
  }

  override forward(x: Tensor): Tensor {
    const patches = this.patchEmbed.forward(x);
    const tokens = cat([this.classToken.expand([x.shape[0], -1, -1]), patches], 1).add(this.positions);
    return this.head.forward(this.norm.forward(this.blocks.forward(tokens)).select(1, 0));
  }
}

export function vit(): Program {
  const model = new ViT();
  const optimizer = new optim.AdamW(model.parameters(), { lr: 1e-3, weightDecay: 0.05 });
  return supervised(model, nn.functional.crossEntropy, optimizer);
}
