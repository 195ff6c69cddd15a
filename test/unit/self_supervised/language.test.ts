/** The tokenizer and the masked language model. */
import { describe, expect, test } from "vitest";
import {
  DTypeError,
  Generator,
  manualSeed,
  nn,
  OptionError,
  optim,
  ShapeError,
  scope,
  type Tensor,
  tensor,
} from "wasmgrad";
import { MASK, MaskedLanguageModel, maskTokens, PAD, UNK, WordTokenizer } from "wasmgrad/self-supervised";
import { expectClose } from "../../support/compare.ts";

const int = (rows: number[][]) => tensor(rows, { dtype: "int32" });

describe("WordTokenizer", () => {
  const tokenizer = WordTokenizer.train("The cat's hat; the dog, the cat. [MASK] The end!", 9);

  test("keeps the most frequent words; of equally frequent ones, the first", () => {
    expect(tokenizer.words).toEqual(["[PAD]", "[UNK]", "[MASK]", "the", "cat's", "hat", ";", "dog", ","]);
  });

  test("text survives encoding and decoding, except unknown words and signs", () => {
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
    expect(() => WordTokenizer.train(undefined as never, 10)).toThrow("WordTokenizer: expected a text, got undefined");
  });
});

describe("maskTokens", () => {
  const tokens = tensor(
    Int32Array.from({ length: 20_000 }, (_, i) => i % 20),
    { shape: [200, 100] },
  );

  test("places, answers and visible words belong together; special words stay", () => {
    const { seen, at, answers } = maskTokens(tokens, 20, { generator: new Generator(3) });
    const [before, after, places] = [tokens.data(), seen.data(), [...at.data()]];
    expect([...answers.data()]).toEqual(places.map((place) => before[place]));
    expect(places.filter((place) => before[place] <= UNK)).toEqual([]);
    const hidden = new Set(places);
    expect([...after].filter((word, place) => word !== before[place] && !hidden.has(place))).toEqual([]);
    expect(Math.max(...after)).toBeLessThan(20);
  });

  test("15 % of the words are hidden; of these 80 % become masks and 10 % random words", () => {
    const { seen, at } = maskTokens(tokens, 20, { generator: new Generator(4) });
    const [before, after, places] = [tokens.data(), seen.data(), [...at.data()]];
    expect(Math.abs(places.length / 18_000 - 0.15)).toBeLessThan(0.01);
    const share = (test: (place: number) => boolean) => places.filter(test).length / places.length;
    const masked = share((place) => after[place] === MASK);
    const swapped = share((place) => after[place] !== MASK && after[place] !== before[place]);
    expect(Math.abs(masked - 0.8)).toBeLessThan(0.03);
    expect(Math.abs(swapped - 0.094)).toBeLessThan(0.03);
  });

  test("with plain and all there are only masks; with ratio 0 nothing is hidden", () => {
    const some = int([[PAD, UNK, 5, 9]]);
    const all = maskTokens(some, 10, { ratio: 1, plain: true });
    expect(all.seen.toArray()).toEqual([[PAD, UNK, MASK, MASK]]);
    expect(all.at.toArray()).toEqual([2, 3]);
    expect(maskTokens(some, 10, { ratio: 0 }).seen.toArray()).toEqual(some.toArray());
  });

  test("hides at least one word, if there is one", () => {
    const rows = int([
      [PAD, UNK, 5, 9],
      [7, 8, PAD, PAD],
    ]);
    const places = Array.from({ length: 20 }, (_, seed) => {
      const { at, answers } = maskTokens(rows, 10, { ratio: 1e-6, generator: new Generator(seed) });
      expect(answers.numel()).toBe(1);
      return at.item();
    });
    expect([...new Set(places)].sort()).toEqual([2, 3, 4, 5]);
    expect(maskTokens(int([[PAD, UNK]]), 10).at.shape).toEqual([0]);
    expect(maskTokens(int([]).reshape([0, 4]), 10).at.shape).toEqual([0]);
  });

  test("bad input", () => {
    expect(() => maskTokens(tokens, 3)).toThrow(OptionError);
    expect(() => maskTokens(tokens, 20, { ratio: 1.5 })).toThrow(OptionError);
    expect(() => maskTokens(tensor([1, 2], { dtype: "int32" }), 20)).toThrow(ShapeError);
    expect(() => maskTokens(tensor([[1, 2]]), 20)).toThrow(DTypeError);
  });
});

describe("MaskedLanguageModel", () => {
  const make = () => new MaskedLanguageModel(12, { width: 16, layers: 2, heads: 2, length: 8, dropout: 0 });

  test("padding does not change the results of the words before it", () => {
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

  test("a row of padding alone changes no other, nor any gradient", () => {
    manualSeed(5);
    const model = make();
    const at = tensor(Int32Array.of(0, 1));
    const run = (rows: number[][]) => {
      model.zeroGrad();
      const logits = model.forward(int(rows), { at });
      logits.square().sum().backward();
      return [logits, ...model.parameters().map((p) => p.grad!)].map((t) => t.clone().data());
    };
    const expected = run([[3, 4, 5]]);
    run([
      [3, 4, 5],
      [PAD, PAD, PAD],
    ]).forEach((values, i) => {
      expectClose(`${i}`, values, expected[i], 1e-5);
    });
  });

  test("computing only some places gives the same numbers as computing all", () => {
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

  test("shares one matrix between input and output words, and uses positions", () => {
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
    // the middle is the larger of its neighbours: both are needed to predict it
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
