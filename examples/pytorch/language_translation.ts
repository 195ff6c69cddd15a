// A Transformer translates numbers in words into digits: "three hundred five" into "305".
// npx tsx examples/pytorch/language_translation.ts
// see: https://github.com/pytorch/examples/tree/main/language_translation
import { manualSeed, nn, noGrad, optim, randint, scope, type Tensor, tensor } from "wasmgrad";
import { readArguments } from "./lib/arguments.ts";
import { inWords, NUMBER_WORDS } from "./lib/number_words.ts";
import { positionalEncoding } from "./lib/positional_encoding.ts";

/** Number 0 fills short sentences, 1 begins one and 2 ends one. */
const SPECIAL = ["<pad>", "<bos>", "<eos>"];
const [PAD, BOS, EOS] = [0, 1, 2];
const SOURCE = [...SPECIAL, ...NUMBER_WORDS];
const TARGET = [...SPECIAL, ..."0123456789"];

/** Sentences as columns [length, N], int32. */
function toColumns(sentences: readonly (readonly string[])[], vocabulary: readonly string[]): Tensor {
  const rows = sentences.map((words) => [BOS, ...words.map((word) => vocabulary.indexOf(word)), EOS]);
  return nn.utils.padSequence(
    rows.map((row) => tensor(Int32Array.from(row))),
    { paddingValue: PAD },
  );
}

/** Numbers as pairs of sentences: words [S, N], and digits [T, N]. */
export function toBatch(numbers: Iterable<number>): [source: Tensor, target: Tensor] {
  const list = [...numbers];
  return [
    toColumns(list.map(inWords), SOURCE),
    toColumns(
      list.map((n) => [...`${n}`]),
      TARGET,
    ),
  ];
}

export class Seq2SeqTransformer extends nn.Module {
  sourceEmbedding: nn.Embedding;
  targetEmbedding: nn.Embedding;
  transformer: nn.Transformer;
  generator: nn.Linear;
  dropout: nn.Dropout;
  readonly width: number;

  constructor({ width = 64, heads = 4, layers = 2, dropout = 0.1 } = {}) {
    super();
    this.width = width;
    this.sourceEmbedding = new nn.Embedding(SOURCE.length, width);
    this.targetEmbedding = new nn.Embedding(TARGET.length, width);
    const depth = { numEncoderLayers: layers, numDecoderLayers: layers };
    this.transformer = new nn.Transformer({
      dModel: width,
      nhead: heads,
      ...depth,
      dimFeedforward: 2 * width,
      dropout,
    });
    this.generator = new nn.Linear(width, TARGET.length);
    this.dropout = new nn.Dropout(dropout);
    for (const p of this.parameters()) if (p.dim() > 1) nn.init.xavierUniform_(p);
  }

  /** Vectors of words [L, N], whose first has the position `start`. */
  #embed(embedding: nn.Embedding, words: Tensor, start = 0): Tensor {
    const positions = positionalEncoding(start + words.shape[0], this.width)
      .slice(0, start)
      .unsqueeze(1);
    return this.dropout.forward(embedding.forward(words).mul(Math.sqrt(this.width)).add(positions));
  }

  encode(source: Tensor): Tensor {
    const srcKeyPaddingMask = source.t().eq(PAD);
    return this.transformer.encoder.forward(this.#embed(this.sourceEmbedding, source), { srcKeyPaddingMask });
  }

  /** The logits of the next words [L, N, vocabulary] after `target`, whose first has the position `start`. */
  decode(target: Tensor, memory: Tensor, masks: nn.DecoderStackMasks, start = 0): Tensor {
    const x = this.#embed(this.targetEmbedding, target, start);
    return this.generator.forward(this.transformer.decoder.forward(x, memory, masks));
  }

  override forward(source: Tensor, target: Tensor): Tensor {
    const [tgtKeyPaddingMask, memoryKeyPaddingMask] = [target.t().eq(PAD), source.t().eq(PAD)];
    const masks = { tgtIsCausal: true, tgtKeyPaddingMask, memoryKeyPaddingMask };
    return this.decode(target, this.encode(source), masks);
  }
}

export function trainStep(model: Seq2SeqTransformer, optimizer: optim.Optimizer, source: Tensor, target: Tensor) {
  return scope(() => {
    const logits = model.forward(source, target.slice(0, 0, -1));
    optimizer.zeroGrad();
    const wanted = target.slice(0, 1).flatten();
    const loss = nn.functional.crossEntropy(logits.flatten(0, 1), wanted, { ignoreIndex: PAD });
    loss.backward();
    optimizer.step();
    return loss.item();
  });
}

/** The most probable digits, one after the other. The caches save computing the earlier ones again. */
function translate(model: Seq2SeqTransformer, words: readonly string[]): string {
  return scope(() =>
    noGrad(() => {
      const memory = model.encode(toColumns([words], SOURCE));
      const caches = model.transformer.decoder.caches();
      const output: number[] = [BOS];
      while (output.at(-1) !== EOS && output.length < 10) {
        const last = tensor([[output.at(-1)!]], { dtype: "int32" });
        output.push(
          model
            .decode(last, memory, { caches }, output.length - 1)
            .flatten()
            .argmax()
            .item(),
        );
      }
      for (const cache of caches) cache.clear();
      return output
        .slice(1)
        .filter((word) => word >= SPECIAL.length)
        .map((word) => TARGET[word])
        .join("");
    }),
  );
}

export function main(args: readonly string[] = []): number[] {
  const sizes = { width: 64, heads: 4, layers: 2, dropout: 0, "batch-size": 32, "test-count": 100 };
  const options = readArguments(args, { ...sizes, steps: 700, lr: 2e-3, seed: 1, log: 100 });
  manualSeed(options.seed);
  const model = new Seq2SeqTransformer(options);
  const optimizer = new optim.Adam(model.parameters(), { lr: options.lr, betas: [0.9, 0.98], eps: 1e-9 });
  // of all numbers of digits equally many
  const draw = (count: number) =>
    Array.from(randint(1, 7, [count]).data(), (digits) => randint(1, 10 ** digits, []).item());
  const losses: number[] = [];
  for (let step = 0; step < options.steps; step++) {
    losses.push(scope(() => trainStep(model, optimizer, ...toBatch(draw(options["batch-size"])))));
    if (step % options.log === 0) console.log(`step ${step}: loss ${losses[step].toFixed(4)}`);
  }
  model.eval();
  const test = draw(options["test-count"]);
  const correct = test.filter((n) => translate(model, inWords(n)) === `${n}`).length;
  console.log(`${correct} of ${test.length} other numbers are translated correctly`);
  for (const n of test.slice(0, 5)) console.log(`${inWords(n).join(" ")}: ${translate(model, inWords(n))}`);
  return losses;
}

if (process.argv[1]?.endsWith("language_translation.ts")) main(process.argv.slice(2));
