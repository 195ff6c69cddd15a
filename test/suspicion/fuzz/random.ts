import { testRandom } from "../../support/random.ts";

/** Draws for one case. The same seed and index give the same case, independently of earlier cases. */
export class Random {
  readonly #next: () => number;

  constructor(seed: number, index: number, kind: string) {
    let hash = seed >>> 0;
    for (const character of `${kind} ${index}`) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193) >>> 0;
    this.#next = testRandom(hash ^ (hash >>> 15));
  }

  /** A number in [0, 1). */
  fraction(): number {
    return this.#next();
  }

  /** An integer from `low` to `high`, both included. */
  integer(low: number, high: number): number {
    return low + Math.floor(this.#next() * (high - low + 1));
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.integer(0, choices.length - 1)];
  }

  chance(probability: number): boolean {
    return this.#next() < probability;
  }

  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.#next())) * Math.cos(2 * Math.PI * this.#next());
  }

  /** Normally distributed numbers, rounded to float32. */
  normals(count: number, scale = 1): Float32Array {
    return Float32Array.from({ length: count }, () => this.normal() * scale);
  }

  pair(low: number, high: number): [number, number] {
    const first = this.integer(low, high);
    return [first, this.chance(0.5) ? first : this.integer(low, high)];
  }

  /** A shape with few elements; sometimes a dimension has length 0 or 1. */
  shape(minRank: number, maxRank: number, most = 200): number[] {
    const shape = Array.from({ length: this.integer(minRank, maxRank) }, () => {
      const kind = this.#next();
      return kind < 0.03 ? 0 : kind < 0.15 ? 1 : kind < 0.85 ? this.integer(2, 7) : this.integer(8, 40);
    });
    while (sizeOf(shape) > most) {
      const d = this.integer(0, shape.length - 1);
      shape[d] = Math.max(1, Math.floor(shape[d] / 2));
    }
    return shape;
  }
}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}
