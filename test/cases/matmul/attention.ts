import { nn } from "wasmgrad";
import { at, build, type OpCase, type Ref } from "../case.ts";

/** Causal attention of one head, written with a sum for each element. */
function referenceCausal(q: Ref, k: Ref, v: Ref): Ref {
  const [keys, features] = k.shape.slice(-2);
  const outer = q.shape.slice(0, -2);
  const score = (index: number[], i: number, j: number) => {
    let sum = 0;
    for (let e = 0; e < features; e++) sum += at(q, ...index, i, e) * at(k, ...index, j, e);
    return sum / Math.sqrt(features);
  };
  return build([...outer, q.shape.at(-2)!, v.shape.at(-1)!], (...position) => {
    const [index, [i, column]] = [position.slice(0, -2), position.slice(-2)];
    let [total, weights] = [0, 0];
    for (let j = 0; j <= Math.min(i, keys - 1); j++) {
      const weight = Math.exp(score(index, i, j));
      total += weight * at(v, ...index, j, column);
      weights += weight;
    }
    return total / weights;
  });
}

const shapes: [batch: number[], queries: number, keys: number, features: number, values: number][] = [
  [[2], 5, 5, 3, 4],
  [[2, 3], 9, 9, 4, 4],
  [[], 21, 21, 6, 3],
  [[], 4, 7, 5, 2],
  [[], 11, 3, 5, 2],
  [[], 1, 1, 1, 1],
  [[0], 3, 3, 2, 2],
];

/** Causal attention: query i sees keys 0 to i. */
export const causalAttentionCases: OpCase[] = shapes.map(([batch, queries, keys, features, values]) => ({
  name: `causal attention [${batch}] ${queries} queries, ${keys} keys`,
  inputs: [
    { shape: [...batch, queries, features] },
    { shape: [...batch, keys, features] },
    { shape: [...batch, keys, values] },
  ],
  run: (q, k, v) => nn.functional.scaledDotProductAttention(q, k, v, { isCausal: true }),
  reference: referenceCausal,
}));
