/** The tokenizer and the masked language model. */
import { describe, expect, test } from "vitest";
import { manualSeed, nn, OptionError, optim, scope, type Tensor, tensor } from "wasmgrad";
import { MASK, MaskedLanguageModel, PAD, UNK, WordTokenizer } from "wasmgrad/ssl";

const int = (rows: number[][]) => tensor(rows, { dtype: "int32" });

describe("WordTokenizer", () => {
  const tokenizer = WordTokenizer.train("The cat's hat; the dog, the cat. [MASK] The end!", 9);

  test("keeps the most frequent words, of equally frequent ones the first", () => {
    expect(tokenizer.words).toEqual(["[PAD]", "[UNK]", "[MASK]", "the", "cat's", "hat", ";", "dog", ","]);
  });

  test("there and back; unknown words, masks in any case, other signs", () => {
    const numbers = tokenizer.encode("THE dog, the [mask] * bird");
    expect(numbers).toEqual([3, 7, 8, 3, MASK, UNK]);
    expect(tokenizer.decode(numbers)).toBe("the dog , the [MASK] [UNK]");
    expect(tokenizer.decode([PAD, 99])).toBe("[PAD] [UNK]");
    expect(new WordTokenizer(tokenizer.words).encode("the dog")).toEqual([3, 7]);
  });

  test("bad vocabularies", () => {
    expect(() => new WordTokenizer(["the"])).toThrow(OptionError);
    expect(() => new WordTokenizer(["[PAD]", "[UNK]", "[MASK]", "a", "a"])).toThrow(OptionError);
    expect(() => WordTokenizer.train("a b", 3)).toThrow(OptionError);
  });
});

describe("MaskedLanguageModel", () => {
  const make = () => new MaskedLanguageModel(12, { width: 16, layers: 2, heads: 2, length: 8, dropout: 0 });

  test("padding changes nothing for the words before it", () => {
    manualSeed(1);
    const model = make().eval();
    const short = model.forward(int([[4, 5, 6]]));
    const padded = model.forward(int([[4, 5, 6, PAD, PAD]]));
    const [a, b] = [short.data(), padded.slice(1, 0, 3).data()];
    a.forEach((value, i) => {
      expect(b[i]).toBeCloseTo(value, 5);
    });
    expect(
      model
        .forward(int([[4, 5, 7]]))
        .select(1, 0)
        .data(),
    ).not.toEqual(short.select(1, 0).data());
  });

  test("only some places, of all rows, are the same numbers", () => {
    manualSeed(4);
    const model = make().eval();
    const tokens = int([
      [4, 5, 6, PAD],
      [7, 8, 9, 10],
    ]);
    const all = model.forward(tokens).data();
    const some = model.forward(tokens, { at: tensor(Int32Array.of(6, 1)) }).data();
    expect([...some]).toEqual([...all.slice(6 * 12, 7 * 12), ...all.slice(12, 24)]);
  });

  test("has one matrix for words in and words out, and knows where a word stands", () => {
    manualSeed(2);
    const model = make().eval();
    expect(
      model
        .namedParameters()
        .filter(([, p]) => p.shape[0] === 12)
        .map(([name]) => name),
    ).toEqual(["bias", "tokens.weight"]);
    const [first, second] = [
      [4, 5],
      [5, 4],
    ].map((row) => model.forward(int([row])));
    expect(first.select(1, 0).data()).not.toEqual(second.select(1, 1).data());
  });

  test("learns which word follows from the others", () => {
    manualSeed(3);
    const model = make();
    const optimizer = new optim.AdamW(model.parameters(), { lr: 0.01 });
    // the middle is the larger of its neighbours: to be told from both
    const rows = [0, 1, 2, 3].flatMap((a) => [0, 1, 2, 3].map((b) => [3 + a, 7 + Math.max(a, b), 3 + b]));
    const seen = int(rows.map(([a, , b]) => [a, MASK, b]));
    const answers = tensor(Int32Array.from(rows, (row) => row[1]));
    const logits = () => model.forward(seen).select(1, 1) as Tensor;
    for (let step = 0; step < 150; step++) {
      scope(() => {
        const loss = nn.functional.crossEntropy(logits(), answers);
        optimizer.zeroGrad();
        loss.backward();
        optimizer.step();
      });
    }
    expect(logits().argmax(1).eq(answers).float().mean().item()).toBe(1);
  });

  test("too long a text is an error", () => {
    expect(() => make().forward(int([[3, 3, 3, 3, 3, 3, 3, 3, 3]]))).toThrow(/narrow/);
  });
});
