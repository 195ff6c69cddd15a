import { checkInteger, checkNumber, readOptions } from "../checks.ts";
import { OptionError } from "../errors.ts";
import { normalize } from "../nn/functional/norm.ts";
import { countClasses } from "../ops/movement/class_count.ts";
import { tensor } from "../tensor/creation.ts";
import { scope } from "../tensor/lifetime/scoped.ts";
import { checkFeatures, type Features } from "./features.ts";

/**
 * Accuracy of a k-nearest-neighbour classifier: the `k` training samples with the highest cosine similarity s
 * vote for their classes, each with weight `exp(s / temperature)`. Returns the share of test samples
 * classified correctly.
 *
 * see: Wu et al., "Unsupervised feature learning via non-parametric instance discrimination", 2018
 * @param options `k` (default 20), `temperature` (default 0.1)
 * @throws OptionError
 * @example
 * ```ts
 * import { tensor } from "wasmgrad";
 * import { knnAccuracy } from "wasmgrad/self-supervised";
 * const train = { x: tensor([[1, 0], [0, 1]]), labels: Int32Array.of(0, 1) };
 * const test = { x: tensor([[3, 1], [1, 2], [5, 4]]), labels: Int32Array.of(0, 1, 1) };
 * console.log(knnAccuracy(train, test, { k: 1 }).toFixed(2)); // 0.67
 * ```
 */
export function knnAccuracy(train: Features, test: Features, options?: { k?: number; temperature?: number }): number {
  const { k, temperature } = readOptions("knnAccuracy", options, { k: 20, temperature: 0.1 });
  for (const features of [train, test]) checkFeatures("knnAccuracy", features);
  if (test.labels.length === 0) throw new OptionError("knnAccuracy: expected one test sample or more");
  checkInteger("knnAccuracy", "k", k, 1, train.labels.length);
  checkNumber("knnAccuracy", "temperature", temperature, 1e-6);
  const classes = countClasses("knnAccuracy", train.labels, "training sample", "check the labels");
  const ROWS = 100;
  let right = 0;
  scope(() => {
    const columns = normalize(train.x, { dim: 1 }).t();
    const rows = normalize(test.x, { dim: 1 });
    for (let first = 0; first < test.labels.length; first += ROWS) {
      scope(() => {
        const some = rows.slice(0, first, first + ROWS);
        const similarities = some.matmul(columns).data();
        const count = some.shape[0];
        const nearest = Array.from({ length: count }, (_, row) =>
          largest(similarities.subarray(row * train.labels.length, (row + 1) * train.labels.length), k),
        );
        const votes = tensor(nearest.map((list) => list.map(({ value }) => value)))
          .div(temperature)
          .sub(1 / temperature)
          .exp()
          .data();
        nearest.forEach((list, row) => {
          const score = new Float64Array(classes);
          for (const [i, { index }] of list.entries()) score[train.labels[index]] += votes[row * k + i];
          if (score.indexOf(score.reduce((a, b) => Math.max(a, b))) === test.labels[first + row]) right++;
        });
      });
    }
  });
  return right / test.labels.length;
}

/** The k largest values of a list, in descending order. Equal values keep their order. */
function largest(values: ArrayLike<number>, k: number): { value: number; index: number }[] {
  const found: { value: number; index: number }[] = [];
  for (let index = 0; index < values.length; index++) {
    const value = values[index];
    if (found.length === k && value <= found[k - 1].value) continue;
    let place = found.length;
    while (place > 0 && found[place - 1].value < value) place--;
    found.splice(place, 0, { value, index });
    if (found.length > k) found.pop();
  }
  return found;
}
