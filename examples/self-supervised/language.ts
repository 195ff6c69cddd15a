import { readFileSync, writeFileSync } from "node:fs";
import { Generator, manualSeed, nn, type Tensor, tensor } from "wasmgrad";
import { DataLoader, TensorDataset } from "wasmgrad/data";
import {
  inEvalMode,
  MASK,
  MaskedLanguageModel,
  maskTokens,
  PAD,
  SPECIAL,
  WordTokenizer,
} from "wasmgrad/self-supervised";
import { Trainer } from "wasmgrad/train";
import { adamWithSchedule, countParameters, experiment } from "./experiment.ts";

const readText = (name: string) => readFileSync(new URL(`../data/texts/${name}`, import.meta.url), "utf8");
const sentences = (text: string) => text.replace(/\s+/g, " ").match(/[^.!?]+[.!?]+["”’)]*/g) ?? [];

/**
 * Sentences as rows of `length` token numbers: longer ones are cut into pieces, shorter ones padded, and
 * pieces of less than four words dropped.
 */
function toRows(tokenizer: WordTokenizer, text: readonly string[], length: number): Tensor {
  const rows = text.flatMap((sentence) => {
    const numbers = tokenizer.encode(sentence);
    const pieces = Array.from({ length: Math.ceil(numbers.length / length) }, (_, i) =>
      numbers.slice(i * length, (i + 1) * length),
    );
    return pieces.filter((piece) => piece.length >= 4);
  });
  const flat = new Int32Array(rows.length * length).fill(PAD);
  rows.forEach((row, i) => {
    flat.set(row, i * length);
  });
  return tensor(flat, { shape: [rows.length, length] });
}

/**
 * Accuracy and cross entropy on hidden words, the same ones in every call, and the accuracy of always
 * predicting the most frequent word.
 */
function evaluate(model: MaskedLanguageModel, rows: Tensor, vocabulary: number, frequent: number) {
  const generator = new Generator(20_091);
  let [right, baseline, count, loss] = [0, 0, 0, 0];
  inEvalMode(model, () => {
    for (const [tokens] of new DataLoader(new TensorDataset(rows), { batchSize: 50 })) {
      const { seen, at, answers } = maskTokens(tokens, vocabulary, { plain: true, generator });
      const logits = model.forward(seen, { at });
      right += logits.argmax(1).eq(answers).sum().item();
      baseline += answers.eq(frequent).sum().item();
      count += answers.numel();
      loss += nn.functional.crossEntropy(logits, answers, { reduction: "sum" }).item();
    }
  });
  return { accuracy: right / count, validLoss: loss / count, baseline: baseline / count };
}

/** The most probable words for [MASK], with their probabilities. */
function guess(
  model: MaskedLanguageModel,
  tokenizer: WordTokenizer,
  sentence: string,
  count: number,
): [string, number][] {
  const numbers = tokenizer.encode(sentence);
  const logits = inEvalMode(model, () => model.forward(tensor([numbers], { dtype: "int32" })));
  const probabilities = logits.select(0, 0).select(0, numbers.indexOf(MASK)).softmax(0).data();
  return [...tokenizer.words.entries()]
    .slice(SPECIAL.length)
    .map(([i, word]): [string, number] => [word, probabilities[i]])
    .sort(([, a], [, b]) => b - a)
    .slice(0, count);
}

const PROMPTS = [
  "The cat sat on the [MASK].",
  "The dog ran into the [MASK].",
  "She was very [MASK] to see him.",
  "Mr. [MASK] danced with her.",
];

export default experiment({
  name: "language",
  about: "a small transformer learns to predict hidden words of a novel, and of a page about a cat",
  defaults: {
    seed: 0,
    vocabulary: 2000,
    length: 32,
    width: 96,
    layers: 2,
    epochs: 30,
    batchSize: 32,
    lr: 2e-3,
    sentences: 0,
    homeRepeats: 5,
    /** Share of the words that are hidden in training; in evaluation it is 15 %. */
    hidden: 0.25,
  },
  quick: { vocabulary: 200, length: 16, width: 32, layers: 1, epochs: 2, sentences: 300 },
  async run(config, run) {
    const novel = sentences(readText("pride_and_prejudice.txt"));
    const some = config.sentences === 0 ? novel : novel.slice(0, config.sentences);
    // every twentieth sentence of the novel is held out
    const heldOut = some.filter((_, i) => i % 20 === 19);
    const home = sentences(readText("at_home.txt"));
    const learning = [
      ...some.filter((_, i) => i % 20 !== 19),
      ...Array.from({ length: config.homeRepeats }, () => home).flat(),
    ];
    const tokenizer = WordTokenizer.train(learning.join(" "), config.vocabulary);
    writeFileSync(run.file("vocabulary.json"), JSON.stringify(tokenizer.words));
    const vocabulary = tokenizer.words.length;
    const [rows, validRows] = [learning, heldOut].map((text) => toRows(tokenizer, text, config.length));

    manualSeed(config.seed);
    const model = new MaskedLanguageModel(vocabulary, {
      width: config.width,
      layers: config.layers,
      length: config.length,
    });
    const loader = new DataLoader(new TensorDataset(rows), {
      batchSize: config.batchSize,
      shuffle: true,
      dropLast: true,
    });
    const FREQUENT = SPECIAL.length; // the vocabulary is sorted by frequency
    const trainer = new Trainer({
      model,
      loader,
      ...adamWithSchedule(model.parameters(), config.lr, 0.01, config.epochs * loader.length),
      clipNorm: 1,
      loss: ([tokens]) => {
        const { seen, at, answers } = maskTokens(tokens, vocabulary, { ratio: config.hidden });
        return nn.functional.crossEntropy(model.forward(seen, { at }), answers);
      },
      validate: () => {
        const { accuracy, validLoss } = evaluate(model, validRows, vocabulary, FREQUENT);
        return { validLoss, validAccuracy: accuracy };
      },
      epochs: config.epochs,
    });
    await run.train("training", trainer);

    const guesses = Object.fromEntries(PROMPTS.map((prompt) => [prompt, guess(model, tokenizer, prompt, 8)]));
    writeFileSync(run.file("guesses.json"), `${JSON.stringify(guesses, null, 2)}\n`);
    for (const [prompt, words] of Object.entries(guesses)) {
      console.log(`${prompt} ${words.map(([word, p]) => `${word} ${p.toFixed(3)}`).join(", ")}`);
    }
    const { accuracy, validLoss, baseline } = evaluate(model, validRows, vocabulary, FREQUENT);
    const parameters = countParameters(model);
    return { heldOutAccuracy: accuracy, unigramAccuracy: baseline, heldOutPerplexity: Math.exp(validLoss), parameters };
  },
});
