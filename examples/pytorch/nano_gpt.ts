// A small GPT learns a text letter by letter, and writes more of it.
// npx tsx examples/pytorch/nano_gpt.ts
// see: https://github.com/karpathy/nanoGPT
import { arange, manualSeed, multinomial, nn, noGrad, optim, randint, scope, stack, type Tensor } from "wasmgrad";
import { readArguments } from "./lib/arguments.ts";
import { readText, Vocabulary } from "./lib/corpus.ts";

/** `block`: the length of the longest text that the model sees. */
type GPTConfig = Record<"vocabulary" | "block" | "layers" | "heads" | "width", number>;

class CausalSelfAttention extends nn.Module {
  qkv: nn.Linear;
  projection: nn.Linear;
  readonly heads: number;

  constructor(width: number, heads: number) {
    super();
    this.heads = heads;
    this.qkv = new nn.Linear(width, 3 * width);
    this.projection = new nn.Linear(width, width);
  }

  /** With a cache, x has new positions only: one, unless the cache is empty. */
  override forward(x: Tensor, cache?: nn.KeyValueCache): Tensor {
    const [n, length, width] = x.shape;
    const parts = this.qkv.forward(x).chunk(3, 2);
    let [q, k, v] = parts.map((part) => part.view([n, length, this.heads, width / this.heads]).transpose(1, 2));
    if (cache) [k, v] = cache.append(k, v);
    const attended = nn.functional.scaledDotProductAttention(q, k, v, { isCausal: length > 1 });
    return this.projection.forward(attended.transpose(1, 2).reshape([n, length, width]));
  }
}

class Block extends nn.Module {
  norm1: nn.LayerNorm;
  attention: CausalSelfAttention;
  norm2: nn.LayerNorm;
  mlp: nn.Sequential;

  constructor(width: number, heads: number) {
    super();
    this.norm1 = new nn.LayerNorm(width);
    this.attention = new CausalSelfAttention(width, heads);
    this.norm2 = new nn.LayerNorm(width);
    this.mlp = new nn.Sequential(new nn.Linear(width, 4 * width), new nn.GELU(), new nn.Linear(4 * width, width));
  }

  override forward(x: Tensor, cache?: nn.KeyValueCache): Tensor {
    x = x.add(this.attention.forward(this.norm1.forward(x), cache));
    return x.add(this.mlp.forward(this.norm2.forward(x)));
  }
}

export class GPT extends nn.Module {
  tokens: nn.Embedding;
  positions: nn.Embedding;
  blocks: nn.ModuleList<Block>;
  norm: nn.LayerNorm;
  head: nn.Linear;

  constructor({ vocabulary, block, layers, heads, width }: GPTConfig) {
    super();
    this.tokens = new nn.Embedding(vocabulary, width);
    this.positions = new nn.Embedding(block, width);
    this.blocks = new nn.ModuleList(Array.from({ length: layers }, () => new Block(width, heads)));
    this.norm = new nn.LayerNorm(width);
    this.head = new nn.Linear(width, vocabulary, { bias: false });
    for (const [name, p] of this.namedParameters()) {
      const depth = /(projection|mlp\.2)\.weight$/.test(name) ? 2 * layers : 1;
      if (p.dim() > 1) nn.init.normal_(p, 0, 0.02 / Math.sqrt(depth));
      else if (name.endsWith("bias")) nn.init.zeros_(p);
    }
    this.head.weight = this.tokens.weight;
  }

  /** The logits of the tokens after each of `index` [N, L]. */
  override forward(index: Tensor, caches?: readonly nn.KeyValueCache[]): Tensor {
    const start = caches?.[0].length ?? 0;
    const positions = arange(start, start + index.shape[1], { dtype: "int32" });
    let x = this.tokens.forward(index).add(this.positions.forward(positions));
    for (const [i, block] of [...this.blocks].entries()) x = block.forward(x, caches?.[i]);
    return this.head.forward(this.norm.forward(x));
  }

  /** AdamW that decays matrices only. */
  optimizer(lr: number): optim.AdamW {
    const group = (rank: number, weightDecay: number) => {
      return { params: this.parameters().filter((p) => p.dim() === rank), weightDecay };
    };
    return new optim.AdamW([group(2, 0.1), group(1, 0)], { lr, betas: [0.9, 0.99] });
  }

  /** Continues `index` [1, L] by up to `count` tokens, each among the `topK` most probable. */
  generate(index: Tensor, count: number, { temperature = 0.8, topK = 20 } = {}): number[] {
    return scope(() =>
      noGrad(() => {
        const caches = [...this.blocks].map(() => new nn.KeyValueCache());
        const tokens = [...index.data()];
        let next = index;
        for (let i = 0; i < count && tokens.length < this.positions.numEmbeddings; i++) {
          const { values, indices } = this.forward(next, caches).at(0, -1).div(temperature).topk(topK);
          next = indices.gather(0, multinomial(values.softmax(0), 1)).unsqueeze(0);
          tokens.push(next.item());
        }
        for (const cache of caches) cache.clear();
        return tokens;
      }),
    );
  }
}

/** The last columns of `text` [N, L + 1] are the target. */
export function trainStep(model: GPT, optimizer: optim.Optimizer, text: Tensor): number {
  return scope(() => {
    const logits = model.forward(text.slice(1, 0, -1));
    const loss = nn.functional.crossEntropy(logits.flatten(0, 1), text.slice(1, 1).flatten());
    optimizer.zeroGrad();
    loss.backward();
    nn.utils.clipGradNorm_(model.parameters(), 1);
    optimizer.step();
    return loss.item();
  });
}

export function main(args: readonly string[] = []): number[] {
  const sizes = { block: 64, layers: 2, heads: 4, width: 64, "batch-size": 16 };
  const options = readArguments(args, { text: "at_home", ...sizes, steps: 500, lr: 1e-2, seed: 1, log: 50 });
  manualSeed(options.seed);
  const text = readText(options.text);
  const vocabulary = Vocabulary.all(text);
  const data = vocabulary.encode(text);
  const model = new GPT({ ...options, vocabulary: vocabulary.size });
  const optimizer = model.optimizer(options.lr);
  const scheduler = new optim.OneCycleLR(optimizer, { maxLr: options.lr, totalSteps: options.steps, pctStart: 0.1 });
  const losses: number[] = [];
  for (let step = 0; step < options.steps; step++) {
    scope(() => {
      const starts = randint(0, data.length - options.block, [options["batch-size"]]).data();
      const rows = Array.from(starts, (start) => data.narrow(0, start, options.block + 1));
      losses.push(trainStep(model, optimizer, stack(rows)));
    });
    scheduler.step();
    if (step % options.log === 0) console.log(`step ${step}: loss ${losses[step].toFixed(4)}`);
  }
  const sample = model.generate(vocabulary.encode("The ").unsqueeze(0), options.block);
  console.log(vocabulary.decode(sample).join(""));
  return losses;
}

if (process.argv[1]?.endsWith("nano_gpt.ts")) main(process.argv.slice(2));
