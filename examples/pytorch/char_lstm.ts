// An LSTM reads a novel letter by letter, and writes a few lines.
// npx tsx examples/pytorch/char_lstm.ts
// see: https://github.com/karpathy/char-rnn
import { manualSeed, multinomial, nn, noGrad, optim, scope, type Tensor } from "wasmgrad";
import { readArguments } from "./lib/arguments.ts";
import { readText, Vocabulary } from "./lib/corpus.ts";

type State = [h: Tensor, c: Tensor];

export class CharLSTM extends nn.Module {
  embedding: nn.Embedding;
  lstm: nn.LSTM;
  fc: nn.Linear;

  constructor(characters: number, { width = 96, layers = 2, dropout = 0 } = {}) {
    super();
    this.embedding = new nn.Embedding(characters, width);
    this.lstm = new nn.LSTM(width, width, { numLayers: layers, dropout, batchFirst: true });
    this.fc = new nn.Linear(width, characters);
  }

  /** The logits of the next characters [N, L, characters] after each of `x` [N, L], and the state. */
  override forward(x: Tensor, state?: State): [logits: Tensor, state: State] {
    const [output, next] = this.lstm.forward(this.embedding.forward(x), state);
    return [this.fc.forward(output), next];
  }
}

/** The last columns of `text` [N, L + 1] are the target. The gradient ends at `state`. */
export function trainStep(model: CharLSTM, optimizer: optim.Optimizer, text: Tensor, state?: State) {
  return scope((): { loss: number; state: State } => {
    const [h, c] = state?.map((part) => part.detach()) ?? [];
    const [logits, next] = model.forward(text.slice(1, 0, -1), state && [h, c]);
    const loss = nn.functional.crossEntropy(logits.flatten(0, 1), text.slice(1, 1).flatten());
    optimizer.zeroGrad();
    loss.backward();
    nn.utils.clipGradNorm_(model.parameters(), 5);
    optimizer.step();
    return { loss: loss.item(), state: next };
  });
}

/** Continues `start`. A low temperature prefers probable characters. */
function sample(model: CharLSTM, vocabulary: Vocabulary, start: string, length: number, temperature: number) {
  model.eval();
  let text = start;
  scope(() =>
    noGrad(() => {
      let [logits, state] = model.forward(vocabulary.encode(start).unsqueeze(0));
      while (text.length < length) {
        const next = multinomial(logits.at(0, -1).div(temperature).softmax(0), 1);
        text += vocabulary.decode(next.data()).join("");
        [logits, state] = model.forward(next.unsqueeze(0), state);
      }
    }),
  );
  model.train();
  return text;
}

export function main(args: readonly string[] = []): number[] {
  const sizes = { characters: 100_000, width: 96, layers: 2, "batch-size": 16, length: 40 };
  const rest = { dropout: 0, lr: 5e-3, epochs: 3, seed: 1, log: 50, sample: 300, temperature: 0.7 };
  const options = readArguments(args, { ...sizes, ...rest });
  manualSeed(options.seed);
  const text = readText("pride_and_prejudice").replace(/\s+/g, " ").slice(0, options.characters);
  const vocabulary = Vocabulary.all(text);
  const model = new CharLSTM(vocabulary.size, options);
  const optimizer = new optim.Adam(model.parameters(), { lr: options.lr });
  // each row continues in the next batch
  const columns = Math.floor(text.length / options["batch-size"]);
  const rows = vocabulary.encode(text.slice(0, columns * options["batch-size"])).view([-1, columns]);
  const losses: number[] = [];
  for (let epoch = 1; epoch <= options.epochs; epoch++) {
    let state: State | undefined;
    for (let i = 0; i + options.length < columns; i += options.length) {
      const step = trainStep(model, optimizer, rows.narrow(1, i, options.length + 1), state);
      state = step.state;
      if (losses.length % options.log === 0) {
        console.log(`epoch ${epoch}, step ${losses.length}: loss ${step.loss.toFixed(4)}`);
      }
      losses.push(step.loss);
    }
  }
  console.log(sample(model, vocabulary, "It is a truth ", options.sample, options.temperature));
  return losses;
}

if (process.argv[1]?.endsWith("char_lstm.ts")) main(process.argv.slice(2));
