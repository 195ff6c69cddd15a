import { checkInteger, checkNumber, describe, readOptions } from "../checks.ts";
import { OptionError } from "../errors.ts";
import { Generator } from "../tensor/generator.ts";
import { scope } from "../tensor/lifetime/scoped.ts";
import { randperm } from "../tensor/random.ts";
import { checkDataset, type Dataset, Subset } from "./dataset.ts";
import { MAX_SEED } from "./shuffle.ts";

/**
 * Splits a data set at random into parts that do not overlap. Matches `torch.utils.data.random_split`. With
 * `stratify`, every class has the same share of each part, up to one sample.
 *
 * @param lengths the sizes of the parts, or fractions that add up to 1. With fractions, sizes are rounded
 *   down, and the remaining samples go to the parts one by one, starting with the first part.
 * @param options `seed` or `generator` (default: the default generator); `stratify`: the class of each
 *   sample, such as the `targets` of an image data set
 * @throws OptionError for lengths that do not add up to the length of the data set, or fractions that do not
 *   add up to 1.
 * @example
 * ```ts
 * import { randomSplit } from "wasmgrad/data";
 * const squares = { length: 10, get: (i: number) => [i * i] };
 * const [train, test] = randomSplit(squares, [0.8, 0.2], { seed: 0 });
 * console.log(train.length, test.length); // 8 2
 * const labels = [0, 0, 0, 0, 0, 0, 1, 1, 1, 1];
 * const halves = randomSplit(squares, [0.5, 0.5], { seed: 0, stratify: labels });
 * console.log(halves.map((half) => half.indices.filter((i) => labels[i] === 1).length)); // [2, 2]
 * ```
 */
export function randomSplit<S, B>(
  dataset: Dataset<S, B>,
  lengths: readonly number[],
  options?: { seed?: number; generator?: Generator; stratify?: ArrayLike<number> },
): Subset<S, B>[] {
  const op = "randomSplit";
  checkDataset(op, dataset as Dataset<unknown, unknown>);
  const { seed, generator, stratify } = readOptions(op, options, {
    seed: undefined as number | undefined,
    generator: undefined as Generator | undefined,
    stratify: undefined as ArrayLike<number> | undefined,
  });
  if (seed !== undefined && generator !== undefined) throw new OptionError("randomSplit: seed or generator, not both");
  const source = seed === undefined ? generator : new Generator(checkInteger(op, "seed", seed, 0, MAX_SEED));
  const sizes = partSizes(dataset.length, lengths);
  const order = scope(() => randperm(dataset.length, source ? { generator: source } : {}).data());
  if (stratify !== undefined) {
    return stratified(order, classesOf(stratify, dataset.length), sizes).map((part) => new Subset(dataset, part));
  }
  let end = 0;
  return sizes.map((size) => new Subset(dataset, order.subarray(end, (end += size))));
}

function partSizes(length: number, lengths: readonly number[]): number[] {
  if (!Array.isArray(lengths) || lengths.length === 0) {
    throw new OptionError(`randomSplit: lengths expected an array, got ${JSON.stringify(lengths)}`);
  }
  const total = lengths.reduce((sum, part) => sum + checkNumber("randomSplit", "length", part, 0), 0);
  const fractions = lengths.some((part) => !Number.isInteger(part)) || (total === 1 && length !== 1);
  if (!fractions) {
    if (total !== length) {
      throw new OptionError(
        `randomSplit: lengths expected to add up to ${length}, got ${total} ([${lengths.join(", ")}])`,
      );
    }
    return [...lengths];
  }
  if (Math.abs(total - 1) > 1e-6) {
    throw new OptionError(`randomSplit: fractions expected to add up to 1, got ${total} ([${lengths.join(", ")}])`);
  }
  // 0.29 * 100 is 28.999999999999996, which must become 29
  const sizes = lengths.map((part) => Math.floor(length * part + 1e-9));
  const left = length - sizes.reduce((sum, size) => sum + size, 0);
  return sizes.map((size, i) => size + Math.floor(left / sizes.length) + (i < left % sizes.length ? 1 : 0));
}

function classesOf(stratify: ArrayLike<number>, length: number): ArrayLike<number> {
  if (stratify?.length !== length) {
    throw new OptionError(
      `randomSplit: stratify expected ${length} classes, one per sample, got ${describe(stratify)}`,
    );
  }
  return Array.from(stratify, (label, i) => checkInteger("randomSplit", `stratify[${i}]`, label, -(2 ** 31)));
}

/**
 * Deals the samples, class by class, to the parts: each goes to the part that lacks most of its share of the
 * samples dealt so far. The samples of a part keep their random order.
 */
function stratified(order: ArrayLike<number>, classes: ArrayLike<number>, sizes: readonly number[]): number[][] {
  const ranks = Array.from(order, (_, rank) => rank);
  // sorting is stable: the order within a class stays random
  const byClass = [...ranks].sort((a, b) => classes[order[a]] - classes[order[b]]);
  const parts = sizes.map((): number[] => []);
  for (const [dealt, rank] of byClass.entries()) {
    const lack = sizes.map((size, p) =>
      parts[p].length < size ? (size * (dealt + 1)) / ranks.length - parts[p].length : -Infinity,
    );
    parts[lack.indexOf(Math.max(...lack))].push(rank);
  }
  return parts.map((part) => part.sort((a, b) => a - b).map((rank) => order[rank]));
}
