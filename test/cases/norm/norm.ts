import { nn, type Tensor } from "wasmgrad";
import type { InputSpec, OpCase, Ref } from "../case.ts";

const F = nn.functional;
const EPS = 1e-5;

/**
 * Normalizes the elements that have the same `group`, then applies the weight and bias of their `part`. Both
 * functions take the number of an element.
 */
function reference(x: Ref, group: (i: number) => number, part: (i: number) => number, weight?: Ref, bias?: Ref): Ref {
  const members = new Map<number, number[]>();
  x.data.forEach((_, i) => {
    members.set(group(i), [...(members.get(group(i)) ?? []), i]);
  });
  const data = new Float64Array(x.data.length);
  for (const group of members.values()) {
    const mean = group.reduce((sum, i) => sum + x.data[i], 0) / group.length;
    const variance = group.reduce((sum, i) => sum + (x.data[i] - mean) ** 2, 0) / group.length;
    for (const i of group) {
      data[i] =
        ((x.data[i] - mean) / Math.sqrt(variance + EPS)) * (weight?.data[part(i)] ?? 1) + (bias?.data[part(i)] ?? 0);
    }
  }
  return { shape: x.shape, data };
}

const product = (shape: number[]) => shape.reduce((a, b) => a * b, 1);

/** Cases with weight and bias, with one of them, and with neither. */
function affineCases(
  name: string,
  shape: number[],
  affineShape: number[],
  run: (x: Tensor, options: { weight?: Tensor; bias?: Tensor }) => Tensor,
  group: (i: number) => number,
  part: (i: number) => number,
): OpCase[] {
  const x: InputSpec = { shape, low: -1, high: 4 };
  const affine: InputSpec = { shape: affineShape };
  return [
    {
      name: `${name} weight and bias`,
      inputs: [x, affine, affine],
      run: (input, weight, bias) => run(input, { weight, bias }),
      reference: (input, weight, bias) => reference(input, group, part, weight, bias),
      tolerance: 5e-6,
      gradTolerance: 1e-4,
      secondTolerance: 1e-3, // the deviation of two values may be small
    },
    {
      name: `${name} weight`,
      inputs: [x, affine],
      run: (input, weight) => run(input, { weight }),
      reference: (input, weight) => reference(input, group, part, weight),
      tolerance: 5e-6,
      gradTolerance: 1e-4,
      secondTolerance: 1e-3, // the deviation of two values may be small
    },
    {
      name,
      inputs: [x],
      run: (input) => run(input, {}),
      reference: (input) => reference(input, group, part),
      tolerance: 5e-6,
      gradTolerance: 1e-4,
      secondTolerance: 1e-3, // the deviation of two values may be small
    },
  ];
}

const layerNormLines: [shape: number[], last: number][] = [
  [[7], 1],
  [[3, 5], 1],
  [[2, 3, 8], 1],
  [[2, 3, 5], 2],
  [[4, 33], 1],
  [[0, 4], 1],
];

const channelShapes = [
  [4, 3],
  [2, 6],
  [2, 4, 5],
  [2, 4, 3, 3],
  [3, 2, 1, 1],
  [1, 2, 3, 5],
  [5, 1, 2, 2],
  [0, 2, 3],
];

function normalizeReference(x: Ref, p: number, dim: number, eps: number): Ref {
  const d = dim < 0 ? dim + x.shape.length : dim;
  const inner = product(x.shape.slice(d + 1));
  const length = x.shape[d];
  const data = x.data.map((value, i) => {
    const first = i - (Math.floor(i / inner) % length) * inner;
    let sum = 0;
    for (let k = 0; k < length; k++) sum += Math.abs(x.data[first + k * inner]) ** p;
    return value / Math.max(sum ** (1 / p), eps);
  });
  return { shape: x.shape, data };
}

const normalizeLines: { shape: number[]; p?: number; dim?: number; eps?: number }[] = [
  { shape: [3, 4] },
  { shape: [5], dim: 0 },
  { shape: [2, 3, 5] },
  { shape: [2, 3, 5], dim: -1 },
  { shape: [4, 9], dim: 0 },
  { shape: [3, 4], eps: 50 },
  { shape: [3, 4], p: 1 },
  { shape: [3, 4], p: 3, dim: 0 },
  { shape: [0, 3] },
];

function layerNormCases([shape, last]: [shape: number[], last: number]): OpCase[] {
  const normalized = shape.slice(shape.length - last);
  const size = product(normalized);
  return affineCases(
    `layerNorm [${shape}] over [${normalized}]`,
    shape,
    normalized,
    (x, options) => F.layerNorm(x, normalized, options),
    (i) => Math.floor(i / size),
    (i) => i % size,
  );
}

/** Large sizes, which are timed. */
export const largeNormCases: OpCase[] = layerNormCases([[8192, 512], 1])
  .slice(-1)
  .map((testCase) => ({ ...testCase, name: "layerNorm [8192,512]", batched: [0] }));

export const normCases: OpCase[] = [
  ...layerNormLines.flatMap(layerNormCases),
  ...channelShapes.flatMap((shape) => {
    const [, channels, ...rest] = shape;
    const inner = product(rest);
    const channel = (i: number) => Math.floor(i / inner) % channels;
    return [
      ...(product(shape) === channels
        ? []
        : affineCases(
            `batchNorm [${shape}]`,
            shape,
            [channels],
            (x, options) => F.batchNorm(x, null, null, { ...options, training: true }),
            channel,
            channel,
          )),
      ...[1, 2, channels]
        // a group of one value always gives 0, and its gradient is only rounding error
        .filter(
          (groups, k, all) => channels % groups === 0 && all.indexOf(groups) === k && (channels / groups) * inner > 2,
        )
        .flatMap((groups) => {
          const size = (channels / groups) * inner;
          return affineCases(
            `groupNorm [${shape}] in ${groups}`,
            shape,
            [channels],
            (x, options) => F.groupNorm(x, groups, options),
            (i) => Math.floor(i / size),
            channel,
          );
        }),
    ];
  }),
  ...channelShapes.map((shape): OpCase => {
    const channels = shape[1];
    const inner = product(shape.slice(2));
    const spec = { shape: [channels] };
    return {
      name: `batchNorm [${shape}] with running statistics`,
      inputs: [{ shape }, spec, spec, { ...spec, grad: false }, { ...spec, low: 0.5, grad: false }],
      run: (x, weight, bias, mean, variance) => F.batchNorm(x, mean, variance, { weight, bias }),
      reference: (x, weight, bias, mean, variance) => ({
        shape,
        data: x.data.map((v, i) => {
          const c = Math.floor(i / inner) % channels;
          return ((v - mean.data[c]) / Math.sqrt(variance.data[c] + EPS)) * weight.data[c] + bias.data[c];
        }),
      }),
    };
  }),
  ...normalizeLines.map(
    ({ shape, p, dim, eps }): OpCase => ({
      name: `normalize [${shape}] ${JSON.stringify({ p, dim, eps })}`,
      inputs: [{ shape }],
      run: (x) => F.normalize(x, { p, dim, eps }),
      reference: (x) => normalizeReference(x, p ?? 2, dim ?? 1, eps ?? 1e-12),
    }),
  ),
];
