import { Generator, withGenerator } from "../tensor/generator.ts";

/** What the random numbers of an epoch depend on. */
export interface EpochSeed {
  /** The loader's seed. */
  seed: number;
  epoch: number;
}

/**
 * Runs `body` with a separate default generator, so that what it draws depends only on the loader's seed,
 * the epoch and `place`: the index of the sample, or -1 - b for batch b as a whole. The results are thus the
 * same for any number of workers, and after a restart in the middle of an epoch.
 */
export function withSampleRandom<T>({ seed, epoch }: EpochSeed, place: number, body: () => T): T {
  const generator = new Generator(seedFrom(seed, epoch, place));
  // an array, because withGenerator refuses promises; their draws after an await are the data set's affair
  return withGenerator(generator, () => [body()])[0];
}

/** A seed, an integer in [0, 2^53), that depends on another seed and on integers. */
export function seedFrom(seed: number, ...places: readonly number[]): number {
  const words = [seed % 2 ** 32, Math.floor(seed / 2 ** 32), ...places];
  const high = mix(words, 0x9e3779b9) & 0x1fffff;
  return high * 2 ** 32 + mix(words, 0x85ebca6b);
}

/**
 * A hash of 32-bit words.
 * see: Appleby, MurmurHash3, https://github.com/aappleby/smhasher
 */
function mix(words: readonly number[], seed: number): number {
  let hash = seed;
  for (const word of words) {
    let k = Math.imul(word, 0xcc9e2d51);
    k = Math.imul((k << 15) | (k >>> 17), 0x1b873593);
    hash ^= k;
    hash = Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64;
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
