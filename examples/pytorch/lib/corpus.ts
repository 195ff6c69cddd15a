import { readFileSync } from "node:fs";
import { type Tensor, tensor } from "wasmgrad";

/** The text `pride_and_prejudice` or `at_home`: see the README in examples/data/texts. */
export function readText(name: string): string {
  return readFileSync(new URL(`../../data/texts/${name}.txt`, import.meta.url), "utf8");
}

/** Words or characters as numbers. */
export class Vocabulary {
  readonly tokens: readonly string[];
  readonly #numbers: ReadonlyMap<string, number>;

  constructor(tokens: readonly string[]) {
    this.tokens = tokens;
    this.#numbers = new Map(tokens.map((token, i) => [token, i]));
  }

  /** The `size` - 1 most frequent tokens, and `<unk>` for the others. */
  static frequent(text: readonly string[], size: number): Vocabulary {
    const counts = new Map<string, number>();
    for (const token of text) counts.set(token, (counts.get(token) ?? 0) + 1);
    const sorted = [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
    return new Vocabulary(["<unk>", ...sorted.slice(0, size - 1).map(([token]) => token)]);
  }

  /** All tokens of the text. */
  static all(text: Iterable<string>): Vocabulary {
    return new Vocabulary([...new Set(text)].sort());
  }

  get size(): number {
    return this.tokens.length;
  }

  /** int32 [length]. An unknown token is number 0. */
  encode(text: Iterable<string>): Tensor {
    return tensor(Int32Array.from(text, (token) => this.#numbers.get(token) ?? 0));
  }

  decode(numbers: Iterable<number>): string[] {
    return Array.from(numbers, (number) => this.tokens[number]);
  }
}
