/** Ways to add float32 numbers. Only the last one is the library's; the others are what it could do instead. */
import { scope, tensor } from "wasmgrad";

type Terms = Float32Array;

interface Method {
  name: string;
  /** The sums of the first 1, 2, 4, 8 … terms. */
  sums(terms: Terms, powers: number): number[];
}

const f32 = Math.fround;

/** Calls `add` for each term, and collects `read()` after 1, 2, 4, 8 … of them. */
function atPowers(terms: Terms, powers: number, add: (value: number, i: number) => void, read: () => number): number[] {
  const sums: number[] = [];
  let next = 1;
  for (let i = 0; i < 2 ** powers; i++) {
    add(terms[i], i);
    if (i + 1 === next) {
      sums.push(read());
      next *= 2;
    }
  }
  return sums;
}

const running: Method = {
  name: "one float32 accumulator",
  sums(terms, powers) {
    let sum = 0;
    return atPowers(
      terms,
      powers,
      (value) => (sum = f32(sum + value)),
      () => sum,
    );
  },
};

const lanes: Method = {
  name: "four lanes",
  sums(terms, powers) {
    const sums = new Float32Array(4);
    const total = () => f32(f32(sums[0] + sums[1]) + f32(sums[2] + sums[3]));
    return atPowers(terms, powers, (value, i) => (sums[i & 3] += value), total);
  },
};

/** Neighbours are added, then neighbours of these sums, and so on. */
const pairwise: Method = {
  name: "pairwise",
  sums(terms, powers) {
    let level = terms.slice(0, 2 ** powers);
    const sums = [level[0]];
    for (let power = 0; power < powers; power++) {
      const half = new Float32Array(level.length / 2);
      for (let i = 0; i < half.length; i++) half[i] = level[2 * i] + level[2 * i + 1];
      level = half;
      sums.push(level[0]);
    }
    return sums;
  },
};

/** What an addition rounds away is added to the next term. */
const kahan: Method = {
  name: "Kahan",
  sums(terms, powers) {
    let [sum, lost] = [0, 0];
    const add = (value: number) => {
      const term = f32(value - lost);
      const next = f32(sum + term);
      lost = f32(f32(next - sum) - term);
      sum = next;
    };
    return atPowers(terms, powers, add, () => sum);
  },
};

const library: Method = {
  name: "wasmgrad, x.sum()",
  sums: (terms, powers) =>
    scope(() => {
      const x = tensor(terms);
      return Array.from({ length: powers + 1 }, (_, power) =>
        x
          .narrow(0, 0, 2 ** power)
          .sum()
          .item(),
      );
    }),
};

/** In float64, with which the others are compared. */
export function exactSums(terms: Terms, powers: number): number[] {
  let total = 0;
  return atPowers(
    terms,
    powers,
    (value) => (total += value),
    () => total,
  );
}

export const METHODS: readonly Method[] = [running, lanes, pairwise, kahan, library];
