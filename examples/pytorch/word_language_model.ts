// An LSTM, a GRU or a Transformer predicts the next word of a novel, and writes a few sentences.
// npx tsx examples/pytorch/word_language_model.ts
// see: https://github.com/pytorch/examples/tree/main/word_language_model
import { manualSeed, multinomial, nn, noGrad, scope, type Tensor } from "wasmgrad";
import { readArguments } from "./lib/arguments.ts";
import { readText, Vocabulary } from "./lib/corpus.ts";
import { positionalEncoding } from "./lib/positional_encoding.ts";

type Hidden = Tensor | [h: Tensor, c: Tensor] | null;

interface ModelOptions {
  /** Width of the word vectors and of the hidden state. */
  width: number;
  layers: number;
  dropout: number;
  /** Whether the decoder of an RNN shares the weights of the encoder. Default false. */
  tied?: boolean;
}

export class RNNModel extends nn.Module {
  drop: nn.Dropout;
  encoder: nn.Embedding;
  rnn: nn.LSTM | nn.GRU;
  decoder: nn.Linear;

  constructor(type: "LSTM" | "GRU", tokens: number, { width, layers, dropout, tied }: ModelOptions) {
    super();
    this.drop = new nn.Dropout(dropout);
    this.encoder = new nn.Embedding(tokens, width);
    this.rnn = new nn[type](width, width, { numLayers: layers, dropout });
    this.decoder = new nn.Linear(width, tokens);
    if (tied) this.decoder.weight = this.encoder.weight;
    initWeights(this);
  }

  override forward(input: Tensor, hidden: Hidden): [Tensor, Hidden] {
    const embedded = this.drop.forward(this.encoder.forward(input));
    const [output, next] =
      this.rnn instanceof nn.LSTM
        ? this.rnn.forward(embedded, hidden as [Tensor, Tensor] | null)
        : this.rnn.forward(embedded, hidden as Tensor | null);
    return [this.decoder.forward(this.drop.forward(output)).flatten(0, 1).logSoftmax(1), next];
  }
}

export class TransformerModel extends nn.Module {
  drop: nn.Dropout;
  encoder: nn.Embedding;
  transformer: nn.TransformerEncoder;
  decoder: nn.Linear;

  constructor(tokens: number, { width, layers, dropout }: ModelOptions) {
    super();
    this.drop = new nn.Dropout(dropout);
    this.encoder = new nn.Embedding(tokens, width);
    const layer = () => new nn.TransformerEncoderLayer(width, 2, { dimFeedforward: 2 * width, dropout });
    this.transformer = new nn.TransformerEncoder(layer, layers);
    this.decoder = new nn.Linear(width, tokens);
    initWeights(this);
  }

  override forward(input: Tensor, _hidden: Hidden): [Tensor, Hidden] {
    const width = this.encoder.embeddingDim;
    const words = this.encoder.forward(input).mul(Math.sqrt(width));
    const x = this.drop.forward(words.add(positionalEncoding(input.shape[0], width).unsqueeze(1)));
    const output = this.transformer.forward(x, { isCausal: true });
    return [this.decoder.forward(output).flatten(0, 1).logSoftmax(1), null];
  }
}

type Model = RNNModel | TransformerModel;

function initWeights({ encoder, decoder }: Model): void {
  nn.init.uniform_(encoder.weight, -0.1, 0.1);
  nn.init.zeros_(decoder.bias!);
  nn.init.uniform_(decoder.weight, -0.1, 0.1);
}

/** The first rows of `source` [bptt + 1, N] are the input, and the last ones the target. */
export function trainStep(model: Model, source: Tensor, hidden: Hidden, options: { lr: number; clip: number }) {
  return scope((): { loss: number; hidden: Hidden } => {
    model.zeroGrad();
    const cut = Array.isArray(hidden) ? hidden.map((state) => state.detach()) : (hidden?.detach() ?? null);
    const [output, next] = model.forward(source.slice(0, 0, -1), cut as Hidden);
    const loss = nn.functional.nllLoss(output, source.slice(0, 1).flatten());
    loss.backward();
    nn.utils.clipGradNorm_(model.parameters(), options.clip);
    noGrad(() => {
      for (const p of model.parameters()) p.add_(p.grad!, { alpha: -options.lr });
    });
    return { loss: loss.item(), hidden: next };
  });
}

/** Draws `count` words, each from the distribution that the model predicts after those before it. */
function generate(model: Model, vocabulary: Vocabulary, count: number, temperature = 0.8): string {
  model.eval();
  let hidden: Hidden = null;
  const words = ["."];
  noGrad(() => {
    for (let i = 0; i < count; i++) {
      const seen = words.slice(model instanceof RNNModel ? -1 : -20);
      const [output, next] = model.forward(vocabulary.encode(seen).unsqueeze(1), hidden);
      hidden = next;
      words.push(...vocabulary.decode(multinomial(output.index(-1).div(temperature).exp(), 1).data()));
    }
  });
  return words.slice(1).join(" ");
}

export function main(args: readonly string[] = []): number[] {
  const sizes = { words: 30_000, vocabulary: 1000, width: 64, layers: 2, "batch-size": 16, bptt: 20 };
  // lr 0: a rate that suits the model
  const rest = { tied: false, dropout: 0.1, lr: 0, epochs: 4, seed: 1, generate: 60 };
  const options = readArguments(args, { model: "LSTM", ...sizes, ...rest });
  const { model: type, "batch-size": batchSize, bptt } = options;
  if (type !== "LSTM" && type !== "GRU" && type !== "Transformer") throw new RangeError(`--model: ${type}`);
  manualSeed(options.seed);
  const novel = readText("pride_and_prejudice").toLowerCase();
  const words = (novel.match(/[a-z']+|[.,;!?]/g) ?? []).slice(0, options.words);
  const vocabulary = Vocabulary.frequent(words, options.vocabulary);
  const length = Math.floor(words.length / batchSize);
  const columns = vocabulary
    .encode(words)
    .narrow(0, 0, length * batchSize)
    .view([batchSize, length])
    .t();
  const { size } = vocabulary;
  const model = type === "Transformer" ? new TransformerModel(size, options) : new RNNModel(type, size, options);
  const lr = options.lr || (type === "Transformer" ? 5 : 20);
  const losses: number[] = [];
  for (let epoch = 1, hidden: Hidden = null; epoch <= options.epochs; epoch++, hidden = null) {
    for (let i = 0; i + bptt < length; i += bptt) {
      const step = trainStep(model, columns.narrow(0, i, bptt + 1), hidden, { lr, clip: 0.25 });
      hidden = step.hidden;
      losses.push(step.loss);
    }
    const last = losses.slice(-20).reduce((sum, loss) => sum + loss / 20, 0);
    console.log(`epoch ${epoch}: loss ${last.toFixed(2)}, perplexity ${Math.exp(last).toFixed(1)}`);
  }
  console.log(generate(model, vocabulary, options.generate));
  return losses;
}

if (process.argv[1]?.endsWith("word_language_model.ts")) main(process.argv.slice(2));
