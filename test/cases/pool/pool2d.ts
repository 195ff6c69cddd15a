import { nn, type Tensor } from "wasmgrad";
import { at, build, type OpCase, type Ref } from "../case.ts";

const F = nn.functional;

interface Window {
  shape: number[];
  kernel: [number, number];
  stride?: [number, number];
  padding?: [number, number];
  dilation?: [number, number];
  ceilMode?: boolean;
}

/**
 * Calls `reduce` with the position of each window (row and column, also outside the plane) and its elements
 * inside the plane.
 */
function pool(x: Ref, w: Window, reduce: (inside: number[], top: number, left: number) => number): Ref {
  const { kernel, stride = kernel, padding = [0, 0], dilation = [1, 1], ceilMode = false } = w;
  const rank = x.shape.length;
  const out = [0, 1].map((d) => {
    const length = x.shape[rank - 2 + d];
    let count = 0;
    // a window fits if its last element does; in ceil mode, if its first element is before the end
    for (let start = -padding[d]; ; start += stride[d]) {
      const last = start + dilation[d] * (kernel[d] - 1);
      if (last >= length + padding[d] && !(ceilMode && start < length && last - stride[d] < length + padding[d] - 1))
        break;
      count++;
    }
    return count;
  });
  return build([...x.shape.slice(0, -2), ...out], (...index) => {
    const [oy, ox] = index.slice(-2);
    const inside: number[] = [];
    const top = oy * stride[0] - padding[0];
    const left = ox * stride[1] - padding[1];
    for (let i = 0; i < kernel[0]; i++) {
      for (let j = 0; j < kernel[1]; j++) {
        const [iy, ix] = [top + i * dilation[0], left + j * dilation[1]];
        if (iy < 0 || ix < 0 || iy >= x.shape[rank - 2] || ix >= x.shape[rank - 1]) continue;
        inside.push(at(x, ...index.slice(0, -2), iy, ix));
      }
    }
    return reduce(inside, top, left);
  });
}

const windows: Window[] = [
  { shape: [2, 3, 8, 8], kernel: [2, 2] },
  { shape: [1, 2, 32, 32], kernel: [2, 2] },
  { shape: [2, 2, 7, 9], kernel: [2, 2] },
  { shape: [3, 5, 11], kernel: [2, 2] },
  { shape: [1, 1, 2, 2], kernel: [2, 2] },
  { shape: [1, 1, 3, 15], kernel: [2, 2] },
  { shape: [2, 1, 5, 7], kernel: [2, 2], ceilMode: true },
  { shape: [2, 3, 9, 7], kernel: [3, 3], stride: [2, 2], padding: [1, 1] },
  { shape: [1, 2, 6, 5], kernel: [3, 2], stride: [1, 2], padding: [1, 0] },
  { shape: [1, 2, 8, 7], kernel: [3, 3], stride: [2, 2], padding: [1, 1], ceilMode: true },
  { shape: [1, 1, 1, 1], kernel: [1, 1] },
  { shape: [1, 2, 4, 10], kernel: [1, 3], stride: [3, 4] },
  { shape: [2, 4, 4], kernel: [4, 4] },
  { shape: [0, 3, 4, 4], kernel: [2, 2] },
  { shape: [0, 3, 5, 5], kernel: [3, 3], stride: [1, 1] },
  // rows with vectors inside, at both edges and cut short
  { shape: [1, 2, 5, 21], kernel: [3, 3], stride: [1, 1], padding: [1, 1] },
  { shape: [2, 1, 7, 23], kernel: [3, 3], stride: [2, 2], padding: [1, 1] },
  { shape: [1, 2, 8, 26], kernel: [2, 3], stride: [3, 3], padding: [1, 1] },
  { shape: [1, 1, 9, 30], kernel: [5, 6], stride: [4, 5], padding: [2, 3] },
];

const dilated: Window[] = [
  { shape: [1, 2, 9, 8], kernel: [3, 2], stride: [1, 1], dilation: [2, 3] },
  { shape: [1, 2, 7, 25], kernel: [3, 3], stride: [1, 1], padding: [1, 1], dilation: [2, 3] },
  { shape: [1, 2, 9, 8], kernel: [3, 3], stride: [2, 2], padding: [1, 1], dilation: [2, 2], ceilMode: true },
];

const name = ({ shape, kernel, ...rest }: Window) => `[${shape}] kernel ${kernel} ${JSON.stringify(rest)}`;

export type RunPool = (x: Tensor, options: Omit<Window, "shape">) => Tensor;

/** All cases of max pooling, run by `run`. */
export function maxPool2dCasesBy(run: RunPool, list = [...windows, ...dilated]): OpCase[] {
  return list.map(({ shape, ...w }) => ({
    name: name({ shape, ...w }),
    // the values of a window must be further apart than the step of the central differences
    inputs: [{ shape, values: distinct(shape) }],
    run: (x: Tensor) => run(x, w),
    reference: (x: Ref) => pool(x, { shape, ...w }, (inside) => Math.max(...inside)),
  }));
}

const runMax: RunPool = (x, { kernel, ...options }) => F.maxPool2d(x, kernel, options);
export const maxPool2dCases = maxPool2dCasesBy(runMax);

/** A permutation of multiples of 1/64, scattered over positive and negative values. */
function distinct(shape: number[]): number[] {
  const size = shape.reduce((a, b) => a * b, 1);
  return Array.from({ length: size }, (_, i) => (((i * 7919) % 10007) - 5003) / 64);
}

interface Average extends Window {
  countIncludePad?: boolean;
  divisorOverride?: number;
}

const averages: Average[] = [
  ...windows,
  { shape: [1, 2, 8, 7], kernel: [3, 3], stride: [2, 2], padding: [1, 1], ceilMode: true, countIncludePad: false },
  { shape: [1, 2, 5, 5], kernel: [3, 3], stride: [1, 1], padding: [1, 1], divisorOverride: 5 },
  { shape: [1, 2, 5, 5], kernel: [2, 2], divisorOverride: -3 },
];

function averageCase(w: Average): OpCase {
  return {
    name: name(w),
    inputs: [{ shape: w.shape }],
    run: (x: Tensor) => {
      const { shape: _, kernel, ...options } = w;
      return F.avgPool2d(x, kernel, options);
    },
    reference: (x: Ref) =>
      pool(x, w, (inside, top, left) => {
        const { kernel, padding = [0, 0], countIncludePad = true, divisorOverride } = w;
        const sum = inside.reduce((a, b) => a + b, 0);
        const [height, width] = x.shape.slice(-2);
        const rows = Math.min(top + kernel[0], height + padding[0]) - top;
        const columns = Math.min(left + kernel[1], width + padding[1]) - left;
        return sum / (divisorOverride ?? (countIncludePad ? rows * columns : inside.length));
      }),
  };
}

export const avgPool2dCases: OpCase[] = averages.map(averageCase);

const half: Window = { shape: [64, 64, 32, 32], kernel: [2, 2], stride: [2, 2] };
const large = (op: string, cases: OpCase[]): OpCase[] =>
  cases.map((testCase) => ({ ...testCase, name: `${op} 2x2 [${half.shape}]`, batched: [0] }));

/** Large sizes, which are timed. */
export const largePoolCases: Record<string, OpCase[]> = {
  maxPool2d: large("maxPool2d", maxPool2dCasesBy(runMax, [half])),
  avgPool2d: large("avgPool2d", [averageCase(half)]),
};

const sizes: { shape: number[]; size: number | null | (number | null)[] }[] = [
  { shape: [2, 3, 8, 8], size: 1 },
  { shape: [1, 2, 7, 5], size: [3, 2] },
  { shape: [2, 6, 9], size: [null, 4] },
  { shape: [1, 1, 3, 3], size: 5 },
  { shape: [1, 1, 4, 4], size: null },
  { shape: [0, 2, 4, 4], size: 2 },
  { shape: [1, 2, 4, 4], size: 0 },
];

export const adaptiveAvgPool2dCases: OpCase[] = sizes.map(({ shape, size }) => ({
  name: `[${shape}] to ${JSON.stringify(size)}`,
  inputs: [{ shape }],
  run: (x: Tensor) => F.adaptiveAvgPool2d(x, size),
  reference: (x: Ref) => {
    const lengths = shape.slice(-2);
    const out = lengths.map((length, d) => (Array.isArray(size) ? size[d] : size) ?? length);
    return build([...shape.slice(0, -2), ...out], (...index) => {
      const [[top, bottom], [left, right]] = index
        .slice(-2)
        .map((o, d) => [Math.floor((o * lengths[d]) / out[d]), Math.ceil(((o + 1) * lengths[d]) / out[d])]);
      let sum = 0;
      for (let iy = top; iy < bottom; iy++) {
        for (let ix = left; ix < right; ix++) sum += at(x, ...index.slice(0, -2), iy, ix);
      }
      return sum / ((bottom - top) * (right - left));
    });
  },
}));
