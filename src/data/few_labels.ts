import { checkInteger, readOptions } from "../checks.ts";
import { OptionError } from "../errors.ts";
import { Generator } from "../tensor/generator.ts";
import { scope } from "../tensor/lifetime/scoped.ts";
import { randperm } from "../tensor/random.ts";
import { MAX_SEED } from "./shuffle.ts";

/**
 * Indices of `perClass` samples of each class, drawn at random, for learning from few labels. The result
 * alternates between the classes.
 *
 * @param labels one class index per sample
 * @param options `seed` (default 0)
 * @throws OptionError when a class has fewer than `perClass` samples.
 * @example
 * ```ts
 * import { fewLabels } from "wasmgrad/data";
 * const labels = [0, 1, 0, 1, 1, 0];
 * console.log(fewLabels(labels, 2, { seed: 1 }).map((i) => labels[i])); // [0, 1, 0, 1]
 * ```
 */
export function fewLabels(labels: ArrayLike<number>, perClass: number, options?: { seed?: number }): number[] {
  const { seed } = readOptions("fewLabels", options, { seed: 0 });
  checkInteger("fewLabels", "perClass", perClass, 1);
  const generator = new Generator(checkInteger("fewLabels", "seed", seed, 0, MAX_SEED));
  const order = scope(() => randperm(labels.length, { generator }).data());
  const byClass = new Map<number, number[]>();
  for (const index of order) {
    const label = checkInteger("fewLabels", `label of sample ${index}`, labels[index], 0);
    byClass.set(label, [...(byClass.get(label) ?? []), index]);
  }
  const classes = [...byClass].sort(([a], [b]) => a - b);
  for (const [label, found] of classes) {
    if (found.length < perClass) {
      throw new OptionError(`fewLabels: class ${label} has ${found.length} samples, expected ${perClass} or more`);
    }
  }
  return Array.from({ length: perClass }, (_, i) => classes.map(([, found]) => found[i])).flat();
}
