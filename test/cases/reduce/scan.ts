import { at, build, type OpCase, type Ref } from "../case.ts";

/** The indices before and after dimension `dim`, with k for it. */
const along = (index: number[], dim: number, k: number) => index.map((i, d) => (d === dim ? k : i));

/** Values with zeros among them: one or several in a line. */
const WITH_ZEROS = [1.5, 0, -1, 0.5, 0, 2, 0, -0.5, 1, 1.25, -1.5, 0.75];

function scan(name: "cumsum" | "cumprod", shape: number[], dim: number, values?: number[]): OpCase {
  const reference = (x: Ref) =>
    build(shape, (...index) => {
      let y = name === "cumsum" ? 0 : 1;
      for (let k = 0; k <= index[dim]; k++) {
        const value = at(x, ...along(index, dim, k));
        y = name === "cumsum" ? y + value : y * value;
      }
      return y;
    });
  return {
    name: `${name} [${shape}] dim ${dim}${values ? " with zeros" : ""}`,
    inputs: [{ shape, low: -1.5, high: 1.5, values }],
    run: (x) => x[name](dim),
    reference,
  };
}

export const scanCases: OpCase[] = [
  scan("cumsum", [7], 0),
  scan("cumsum", [6, 5], 1),
  scan("cumsum", [3, 4, 21], 1),
  scan("cumsum", [2, 5, 3], 1),
  scan("cumsum", [3, 0], 1),
  scan("cumprod", [5, 6], 1),
  scan("cumprod", [2, 4, 3], 1),
  scan("cumprod", [3, 4], 1, WITH_ZEROS),
  scan("cumprod", [2, 3, 2], 1, WITH_ZEROS),
  {
    name: "cumsum int32 [3,4]",
    inputs: [{ shape: [3, 4], dtype: "int32", low: -9, high: 9 }],
    run: (x) => x.cumsum(0),
    reference: (x) => build([3, 4], (i, j) => [0, 1, 2].slice(0, i + 1).reduce((sum, k) => sum + at(x, k, j), 0)),
    tolerance: 0,
  },
];

function product(shape: number[], dim: number, dtype: "float32" | "int32", values?: number[]): OpCase {
  const reduced = shape.filter((_, d) => d !== dim);
  const reference = (x: Ref) =>
    build(reduced, (...index) => {
      let y = 1;
      for (let k = 0; k < shape[dim]; k++) y *= at(x, ...index.slice(0, dim), k, ...index.slice(dim));
      return y;
    });
  return {
    name: `prod ${dtype} [${shape}] dim ${dim}${values ? " with zeros" : ""}`,
    inputs: [{ shape, dtype, values }],
    run: (x) => x.prod(dim),
    reference,
  };
}

export const productCases: OpCase[] = [
  product([3, 5], 1, "float32"),
  product([2, 4, 3], 1, "float32"),
  product([2, 0], 1, "float32"),
  product([3, 4], 0, "int32"),
  product([3, 4], 1, "float32", WITH_ZEROS),
  product([2, 3, 2], 1, "float32", WITH_ZEROS),
  {
    name: "prod [2,3]",
    inputs: [{ shape: [2, 3] }],
    run: (x) => x.prod(),
    reference: (x) => ({ shape: [], data: Float64Array.of(x.data.reduce((a, b) => a * b, 1)) }),
  },
];

function cumulative(name: "cummax" | "cummin", shape: number[], dim: number): OpCase {
  const best = name === "cummax" ? Math.max : Math.min;
  const reference = (x: Ref) =>
    build(shape, (...index) => {
      const values = Array.from({ length: index[dim] + 1 }, (_, k) => at(x, ...along(index, dim, k)));
      return best(...values);
    });
  return { name: `${name} [${shape}] dim ${dim}`, inputs: [{ shape }], run: (x) => x[name](dim).values, reference };
}

export const cumulativeCases: OpCase[] = [cumulative("cummax", [3, 6], 1), cumulative("cummin", [2, 5, 3], 1)];
