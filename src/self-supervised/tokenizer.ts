import { checkInteger } from "../checks.ts";
import { OptionError } from "../errors.ts";

/** The special tokens, numbered before all words: padding, unknown word, hidden word. */
export const SPECIAL = ["[PAD]", "[UNK]", "[MASK]"] as const;
export const [PAD, UNK, MASK] = [0, 1, 2];

const WORD = /\[MASK\]|[a-z]+(?:['\u2019][a-z]+)*|[0-9]+|[.,;:!?"()-]/gi;

/**
 * Converts text to numbers, one per word. Words are lower case; punctuation marks are separate words. The
 * vocabulary consists of the most frequent words of a text; all other words become `[UNK]`.
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
  /** The vocabulary: the index of each word is its number. */
  readonly words: readonly string[];
  readonly #numbers: ReadonlyMap<string, number>;

  /** @param words the complete vocabulary, special tokens first, as in the property `words` */
  constructor(words: readonly string[]) {
    if (!SPECIAL.every((word, i) => words?.[i] === word) || new Set(words).size !== words.length) {
      throw new OptionError(`WordTokenizer: expected different words, the first ${SPECIAL.join(", ")}`);
    }
    this.words = [...words];
    this.#numbers = new Map(words.map((word, i) => [word, i]));
  }

  /**
   * Makes a tokenizer from the `size - 3` most frequent words of a text. Among equally frequent words, those
   * that occur first are taken.
   */
  static train(text: string, size: number): WordTokenizer {
    checkInteger("WordTokenizer.train", "size", size, SPECIAL.length + 1);
    const counts = new Map<string, number>();
    for (const word of WordTokenizer.split(text)) counts.set(word, (counts.get(word) ?? 0) + 1);
    counts.delete("[MASK]");
    const frequent = [...counts].sort(([, a], [, b]) => b - a).slice(0, size - SPECIAL.length);
    return new WordTokenizer([...SPECIAL, ...frequent.map(([word]) => word)]);
  }

  /** Splits a text into words. Anything but words, numbers and punctuation is left out. */
  static split(text: string): string[] {
    if (typeof text !== "string") throw new OptionError(`WordTokenizer: expected a text, got ${typeof text}`);
    return (text.match(WORD) ?? []).map((word) => (word.toUpperCase() === "[MASK]" ? "[MASK]" : word.toLowerCase()));
  }

  /** The numbers of a text's words. */
  encode(text: string): number[] {
    return WordTokenizer.split(text).map((word) => this.#numbers.get(word) ?? UNK);
  }

  /** The words of the numbers, separated by spaces. */
  decode(numbers: ArrayLike<number>): string {
    return Array.from(numbers, (number) => this.words[number] ?? "[UNK]").join(" ");
  }
}
