// An LSTM reads two sentences: does the second follow from the first, contradict it, or neither? The
// sentences are made, in place of the Stanford corpus.
// npx tsx examples/pytorch/snli.ts
// see: https://github.com/pytorch/examples/tree/main/snli
import { cat, manualSeed, nn, noGrad, optim, randint, scope, type Tensor, tensor } from "wasmgrad";
import { readArguments } from "./lib/arguments.ts";
import { Vocabulary } from "./lib/corpus.ts";

const LABELS = ["entailment", "contradiction", "neutral"];
const split = (text: string) => text.split(", ").map((words) => words.split(" "));
/** Each with its kind. */
const SUBJECTS = split("man person, woman person, boy child, girl child, dog animal, cat animal");
/** Each with one that contradicts it. */
const ACTIONS = split("sleeps runs, runs sits, sits stands, stands lies, eats sings, sings drinks");
const PLACES = split("in the garden, on the street, near a river, at home, in a park");

interface Pair {
  premise: string[];
  hypothesis: string[];
  label: number;
}

/** `draw(count)` returns a random integer from 0 to count - 1. */
function makePair(draw: (count: number) => number): Pair {
  const from = <T>(list: readonly T[]) => list[draw(list.length)];
  const label = draw(LABELS.length);
  const [subject, kind] = from(SUBJECTS);
  const [action, opposite] = from(ACTIONS);
  // a place is neutral if the premise does not name it
  const place = label === 2 ? [] : from([[], from(PLACES)]);
  const otherPlace = label === 2 ? from(PLACES) : from([[], place]);
  const premise = ["a", subject, action, ...place];
  const hypothesis = ["a", from([subject, kind]), label === 1 ? opposite : action, ...otherPlace];
  return { premise, hypothesis, label };
}

const WORDS = ["<pad>", "a", ...new Set([SUBJECTS, ACTIONS, PLACES].flat(2))];
const vocabulary = new Vocabulary(WORDS);

export interface Sentences {
  /** [L, N], int32 */
  words: Tensor;
  /** [N], int32 */
  lengths: Tensor;
}

function toSentences(sentences: readonly string[][]): Sentences {
  const words = nn.utils.padSequence(sentences.map((words) => vocabulary.encode(words)));
  return { words, lengths: tensor(Int32Array.from(sentences, (words) => words.length)) };
}

export interface Batch {
  premise: Sentences;
  hypothesis: Sentences;
  labels: Tensor;
}

function makeBatch(count: number, draw: (count: number) => number): Batch {
  const pairs = Array.from({ length: count }, () => makePair(draw));
  return {
    premise: toSentences(pairs.map(({ premise }) => premise)),
    hypothesis: toSentences(pairs.map(({ hypothesis }) => hypothesis)),
    labels: tensor(Int32Array.from(pairs, ({ label }) => label)),
  };
}

export class SNLIClassifier extends nn.Module {
  embed: nn.Embedding;
  projection: nn.Linear;
  encoder: nn.LSTM;
  out: nn.Sequential;

  constructor({ words = WORDS.length, embed = 32, hidden = 32, layers = 1, dropout = 0.2 } = {}) {
    super();
    this.embed = new nn.Embedding(words, embed);
    this.projection = new nn.Linear(embed, hidden);
    this.encoder = new nn.LSTM(hidden, hidden, { numLayers: layers, dropout, bidirectional: true });
    const width = 4 * hidden;
    const block = () => [new nn.Linear(width, width), new nn.ReLU(), new nn.Dropout(dropout)];
    this.out = new nn.Sequential(...block(), ...block(), new nn.Linear(width, LABELS.length));
  }

  /** The last states of both directions, [N, 2 · hidden]. */
  encode({ words, lengths }: Sentences): Tensor {
    const vectors = this.projection.forward(this.embed.forward(words)).relu();
    const [, [h]] = this.encoder.forward(vectors, null, { lengths });
    return h.slice(0, -2).transpose(0, 1).flatten(1);
  }

  override forward({ premise, hypothesis }: Batch): Tensor {
    return this.out.forward(cat([this.encode(premise), this.encode(hypothesis)], 1));
  }
}

export function trainStep(model: SNLIClassifier, optimizer: optim.Optimizer, batch: Batch): number {
  return scope(() => {
    optimizer.zeroGrad();
    const loss = nn.functional.crossEntropy(model.forward(batch), batch.labels);
    loss.backward();
    optimizer.step();
    return loss.item();
  });
}

export function main(args: readonly string[] = []): number[] {
  const sizes = { embed: 32, hidden: 32, layers: 1, dropout: 0.2, "batch-size": 64 };
  const options = readArguments(args, { ...sizes, steps: 200, lr: 2e-3, seed: 1, log: 20 });
  manualSeed(options.seed);
  const draw = (count: number) => randint(0, count, []).item();
  const test = makeBatch(500, draw);
  const model = new SNLIClassifier(options);
  const optimizer = new optim.Adam(model.parameters(), { lr: options.lr });
  return Array.from({ length: options.steps }, (_, step) => {
    const loss = scope(() => trainStep(model, optimizer, makeBatch(options["batch-size"], draw)));
    if ((step + 1) % options.log === 0) {
      model.eval();
      const right = scope(() => noGrad(() => model.forward(test).argmax(1).eq(test.labels).float().mean().item()));
      model.train();
      console.log(`step ${step + 1}: loss ${loss.toFixed(4)}, accuracy ${(100 * right).toFixed(1)} %`);
    }
    return loss;
  });
}

if (process.argv[1]?.endsWith("snli.ts")) main(process.argv.slice(2));
