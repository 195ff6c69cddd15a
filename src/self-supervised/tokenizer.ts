import { checkInteger } from "../checks.ts";
import { OptionError } from "../errors.ts";

/** The tokens before all words: padding, unknown words, the word to be guessed. */
export const SPECIAL = ["[PAD]", "[UNK]", "[MASK]"] as const;
export const [PAD, UNK, MASK] = [0, 1, 2];

const WORD = /\[MASK\]|[a-z]+(?:['\u2019][a-z]+)*|[0-9]+|[.,;:!?"()-]/gi;

/**
 * Text to numbers, a number a word: lower case, punctuation apart. Its vocabulary is the most frequent words of a text; all others are
 * `[UNK]`.
 *
 * @throws OptionError
 * @example
 * ```ts
 * import { WordTokenizer } from "wasmgrad/self-supervised";
 * const tokenizer = WordTokenizer.train("The cat sat. The dog sat. The end.", 6);
 * console.log(tokenizer.words.slice(3)); // [ 'the', '.', 'sat' ]
 * console.log(tokenizer.encode("The cat sat on [MASK]")); // [3, 1, 5, 1, 2]
 * ```
 */
export class WordTokenizer {
  /** By number. */
  readonly words: readonly string[];
  readonly #numbers: ReadonlyMap<string, number>;

  /** @param words the whole vocabulary, the special tokens first: what `words` gave. */
  constructor(words: readonly string[]) {
    if (!SPECIAL.every((word, i) => words?.[i] === word) || new Set(words).size !== words.length) {
      throw new OptionError(`WordTokenizer: expected different words, the first ${SPECIAL.join(", ")}`);
    }
    this.words = [...words];
    this.#numbers = new Map(words.map((word, i) => [word, i]));
  }

  /** A tokenizer with the `size - 3` most frequent words of a text; of equally frequent ones the first. */
  static train(text: string, size: number): WordTokenizer {
    checkInteger("WordTokenizer.train", "size", size, SPECIAL.length + 1);
    const counts = new Map<string, number>();
    for (const word of WordTokenizer.split(text)) counts.set(word, (counts.get(word) ?? 0) + 1);
    counts.delete("[MASK]");
    const frequent = [...counts].sort(([, a], [, b]) => b - a).slice(0, size - SPECIAL.length);
    return new WordTokenizer([...SPECIAL, ...frequent.map(([word]) => word)]);
  }

  /** The words of a text, before they become numbers. What is neither word, number nor punctuation is left out. */
  static split(text: string): string[] {
    if (typeof text !== "string") throw new OptionError(`WordTokenizer: expected a text, got ${typeof text}`);
    return (text.match(WORD) ?? []).map((word) => (word.toUpperCase() === "[MASK]" ? "[MASK]" : word.toLowerCase()));
  }

  /** Numbers of the words of a text. */
  encode(text: string): number[] {
    return WordTokenizer.split(text).map((word) => this.#numbers.get(word) ?? UNK);
  }

  /** Words, with spaces between them. */
  decode(numbers: ArrayLike<number>): string {
    return Array.from(numbers, (number) => this.words[number] ?? "[UNK]").join(" ");
  }
}
