/** The primitive operations that are timed, with what each element of their results should be. */
import { nn, optim, randn, type Tensor } from "wasmgrad";
import { type Sum, sumOf } from "../check.ts";
import type { Work } from "../lib/rate.ts";

export interface OpCase {
  op: string;
  shape: string;
  work: Work;
  /** Makes the operands: what is timed, and element `at` of its result. */
  make(): { run: () => Tensor; expected: (at: number) => Sum };
}

const F = nn.functional;
const sizeOf = (shape: readonly number[]) => shape.reduce((product, n) => product * n, 1);
const exactly = (value: number): Sum => ({ sum: value, size: Math.abs(value) });

function matmul(m: number, k: number, n: number): OpCase {
  return {
    op: "matmul",
    shape: `[${m},${k}] [${k},${n}]`,
    work: { flops: 2 * m * k * n },
    make() {
      const [a, b] = [randn([m, k]), randn([k, n])];
      const [left, right] = [a.data(), b.data()];
      const terms = (row: number, column: number) =>
        Float64Array.from({ length: k }, (_, i) => left[row * k + i] * right[i * n + column]);
      return { run: () => a.matmul(b), expected: (at) => sumOf(terms(Math.floor(at / n), at % n)) };
    },
  };
}

/** An operation on one array that reads and writes each element once. */
function map(
  op: string,
  shape: readonly number[],
  run: (x: Tensor) => Tensor,
  expected: (x: ArrayLike<number>, at: number) => Sum,
): OpCase {
  return {
    op,
    shape: `[${shape}]`,
    work: { bytes: 8 * sizeOf(shape) },
    make() {
      const x = randn(shape);
      const values = x.data();
      return { run: () => run(x), expected: (at) => expected(values, at) };
    },
  };
}

function add(shape: readonly number[]): OpCase {
  return {
    op: "add",
    shape: `[${shape}]`,
    work: { bytes: 12 * sizeOf(shape) },
    make() {
      const [a, b] = [randn(shape), randn(shape)];
      const [left, right] = [a.data(), b.data()];
      return { run: () => a.add(b), expected: (at) => sumOf([left[at], right[at]]) };
    },
  };
}

/** Sums over one axis of a matrix. */
function sum(rows: number, columns: number, dim: 0 | 1): OpCase {
  return {
    op: `sum over axis ${dim}`,
    shape: `[${rows},${columns}]`,
    work: { bytes: 4 * rows * columns },
    make() {
      const x = randn([rows, columns]);
      const values = x.data();
      const line = dim === 0 ? { length: rows, step: columns, next: 1 } : { length: columns, step: 1, next: columns };
      const terms = (at: number) =>
        Float64Array.from({ length: line.length }, (_, i) => values[at * line.next + i * line.step]);
      return { run: () => x.sum(dim), expected: (at) => sumOf(terms(at)) };
    },
  };
}

function rowOf(x: ArrayLike<number>, at: number, columns: number): Float64Array {
  const start = at - (at % columns);
  return Float64Array.from({ length: columns }, (_, i) => x[start + i]);
}

function softmaxElement(x: ArrayLike<number>, at: number, columns: number): Sum {
  return exactly(Math.exp(x[at]) / sumOf(rowOf(x, at, columns).map(Math.exp)).sum);
}

function normElement(x: ArrayLike<number>, at: number, columns: number): Sum {
  const row = rowOf(x, at, columns);
  const mean = sumOf(row).sum / columns;
  const variance = sumOf(row.map((value) => (value - mean) ** 2)).sum / columns;
  const scale = 1 / Math.sqrt(variance + 1e-5);
  return { sum: (x[at] - mean) * scale, size: scale };
}

/** The four pixels under pixel `at` of images of half the side. */
function windowOf(x: ArrayLike<number>, at: number, side: number): number[] {
  const half = side / 2;
  const plane = Math.floor(at / half ** 2);
  const corner = (plane * side + 2 * (Math.floor(at / half) % half)) * side + 2 * (at % half);
  return [0, 1, side, side + 1].map((offset) => x[corner + offset]);
}

function pool(op: string, batch: number, run: (x: Tensor) => Tensor, of: (window: number[]) => Sum): OpCase {
  const shape = [batch, 64, 32, 32];
  return {
    ...map(op, shape, run, (x, at) => of(windowOf(x, at, 32))),
    work: { bytes: 5 * sizeOf(shape) },
  };
}

/** Reads and writes weights and both moments, reads gradients. */
function adam(count: number): OpCase {
  return {
    op: "Adam",
    shape: `[${count}]`,
    work: { bytes: 28 * count },
    make() {
      const weights = new nn.Parameter(randn([count]));
      const gradient = randn([count]);
      weights.grad = gradient;
      const [before, slopes] = [weights.data(), gradient.data()];
      const optimizer = new optim.Adam([weights], { lr: 0.5 });
      // the first step moves every weight by the learning rate
      const expected = (at: number) => sumOf([before[at], (-0.5 * slopes[at]) / (Math.abs(slopes[at]) + 1e-8)]);
      return {
        run: () => {
          optimizer.step();
          return weights;
        },
        expected,
      };
    },
  };
}

const columns = 512;
const rows = [8192, columns];

export const opCases: readonly OpCase[] = [
  ...[256, 512, 1024].map((n) => matmul(n, n, n)),
  matmul(255, 257, 253),
  matmul(1024, 1024, 4),
  matmul(4, 1024, 1024),
  matmul(1024, 1024, 1),
  matmul(4096, 64, 64),
  add([4, 64, 32, 32]),
  add([64, 64, 32, 32]),
  ...[4, 64].map((batch) =>
    map(
      "relu",
      [batch, 64, 32, 32],
      (x) => x.relu(),
      (x, at) => exactly(Math.max(0, x[at])),
    ),
  ),
  map(
    "sigmoid",
    [64, 3, 32, 32],
    (x) => x.sigmoid(),
    (x, at) => exactly(1 / (1 + Math.exp(-x[at]))),
  ),
  sum(8192, columns, 1),
  sum(8192, columns, 0),
  map(
    "softmax",
    rows,
    (x) => x.softmax(1),
    (x, at) => softmaxElement(x, at, columns),
  ),
  map(
    "layerNorm",
    rows,
    (x) => F.layerNorm(x, [columns]),
    (x, at) => normElement(x, at, columns),
  ),
  pool(
    "maxPool2d 2x2",
    64,
    (x) => F.maxPool2d(x, 2, { stride: 2 }),
    (window) => exactly(Math.max(...window)),
  ),
  pool(
    "avgPool2d 2x2",
    64,
    (x) => F.avgPool2d(x, 2, { stride: 2 }),
    (window) => sumOf(window.map((value) => value / 4)),
  ),
  adam(1_000_000),
];
