/** Convolutions that Sequential computes in one pass, over random geometries: against a float64 reference and against the modules one by one. */
import { afterEach, describe, expect, test } from "vitest";
import { nn, type Tensor, tensor } from "wasmgrad";
import { forceConvAlgorithm } from "../src/ops/conv2d_algorithm.ts";
import { testRandom } from "./random.ts";

type Pair = [number, number];

interface Geometry {
  images: number;
  channels: number;
  filters: number;
  groups: number;
  size: Pair;
  kernel: Pair;
  stride: Pair;
  padding: Pair;
  dilation: Pair;
}

interface Reference {
  shape: number[];
  y: Float64Array;
  /** 0 where two candidates of a maximum are too close to tell which is larger. */
  clear: Float64Array;
  gradients(dy: Float64Array): { x: Float64Array; weight: Float64Array; bias: Float64Array };
}

const outSize = (g: Geometry, i: 0 | 1) =>
  Math.floor((g.size[i] + 2 * g.padding[i] - g.dilation[i] * (g.kernel[i] - 1) - 1) / g.stride[i]) + 1;

/** Convolution, ReLU and, with `pool`, the largest of each 2x2 window, by their definitions. */
function reference(g: Geometry, x: Float32Array, w: Float32Array, b: Float32Array, pool: boolean): Reference {
  const [OH, OW] = [outSize(g, 0), outSize(g, 1)];
  const [C, F] = [g.channels / g.groups, g.filters / g.groups];
  /** Visits the products of one output: indices of x and of w. */
  const visit = (n: number, f: number, oy: number, ox: number, each: (xi: number, wi: number) => void) => {
    const group = Math.floor(f / F);
    for (let c = 0; c < C; c++)
      for (let kh = 0; kh < g.kernel[0]; kh++)
        for (let kw = 0; kw < g.kernel[1]; kw++) {
          const y = oy * g.stride[0] + kh * g.dilation[0] - g.padding[0];
          const z = ox * g.stride[1] + kw * g.dilation[1] - g.padding[1];
          if (y < 0 || z < 0 || y >= g.size[0] || z >= g.size[1]) continue;
          each(
            ((n * g.channels + group * C + c) * g.size[0] + y) * g.size[1] + z,
            ((f * C + c) * g.kernel[0] + kh) * g.kernel[1] + kw,
          );
        }
  };
  const conv = new Float64Array(g.images * g.filters * OH * OW);
  for (let n = 0, o = 0; n < g.images; n++)
    for (let f = 0; f < g.filters; f++)
      for (let oy = 0; oy < OH; oy++)
        for (let ox = 0; ox < OW; ox++, o++) {
          let sum = b[f];
          visit(n, f, oy, ox, (xi, wi) => {
            sum += x[xi] * w[wi];
          });
          conv[o] = sum;
        }
  const step = pool ? 2 : 1;
  const shape = [g.images, g.filters, Math.floor(OH / step), Math.floor(OW / step)];
  const y = new Float64Array(shape.reduce((p, q) => p * q, 1));
  const clear = new Float64Array(y.length).fill(1);
  const winner = new Int32Array(y.length);
  for (let plane = 0, i = 0; plane < g.images * g.filters; plane++)
    for (let py = 0; py < shape[2]; py++)
      for (let px = 0; px < shape[3]; px++, i++) {
        const candidates: number[] = [];
        for (let dy = 0; dy < step; dy++)
          for (let dx = 0; dx < step; dx++) candidates.push((plane * OH + py * step + dy) * OW + px * step + dx);
        candidates.sort((p, q) => conv[q] - conv[p]);
        winner[i] = candidates[0];
        y[i] = Math.max(0, conv[candidates[0]]);
        const next = Math.max(0, candidates.length > 1 ? conv[candidates[1]] : 0);
        if (Math.abs(conv[candidates[0]] - next) < 1e-3 || Math.abs(conv[candidates[0]]) < 1e-3) clear[i] = 0;
      }
  return {
    shape,
    y,
    clear,
    gradients(dy) {
      const out = {
        x: new Float64Array(x.length),
        weight: new Float64Array(w.length),
        bias: new Float64Array(b.length),
      };
      for (let i = 0; i < dy.length; i++) {
        const o = winner[i];
        if (!(conv[o] > 0) || dy[i] === 0) continue;
        const plane = Math.floor(o / (OH * OW));
        const [n, f] = [Math.floor(plane / g.filters), plane % g.filters];
        out.bias[f] += dy[i];
        visit(n, f, Math.floor(o / OW) % OH, o % OW, (xi, wi) => {
          out.x[xi] += dy[i] * w[wi];
          out.weight[wi] += dy[i] * x[xi];
        });
      }
      return out;
    },
  };
}

/** The largest difference, as a share of the largest expected value. */
function difference(what: string, came: ArrayLike<number>, expected: Float64Array): void {
  expect(came.length, what).toBe(expected.length);
  let size = 1;
  let worst = 0;
  for (const value of expected) size = Math.max(size, Math.abs(value));
  for (let i = 0; i < expected.length; i++) {
    const d = Math.abs(came[i] - expected[i]);
    if (!(d <= worst)) worst = d;
  }
  expect(worst / size, what).toBeLessThan(2e-4);
}

const ALGORITHMS = [undefined, "gemm", "winograd", "depthwise", "fewChannels"] as const;

afterEach(() => forceConvAlgorithm(undefined));

function check(g: Geometry, seed: number, tail: "none" | "relu" | "pool"): void {
  const random = testRandom(seed);
  const numbers = (count: number) => Float32Array.from({ length: count }, () => random() * 2 - 1);
  const x = numbers(g.images * g.channels * g.size[0] * g.size[1]);
  const conv = new nn.Conv2d(g.channels, g.filters, {
    kernelSize: g.kernel,
    stride: g.stride,
    padding: g.padding,
    dilation: g.dilation,
    groups: g.groups,
  });
  const [w, b] = [numbers(conv.weight.numel()), numbers(g.filters)];
  conv.loadStateDict({
    weight: tensor(w, { shape: [...conv.weight.shape] }),
    bias: tensor(b, { shape: [g.filters] }),
  });
  const expected = reference(g, x, w, b, tail === "pool");
  const dy = Float64Array.from(numbers(expected.y.length), (d, i) => d * expected.clear[i]);
  const gradients = expected.gradients(dy);
  const modules = [conv, new nn.ReLU(), ...(tail === "pool" ? [new nn.MaxPool2d(2)] : [])];
  const shape = [g.images, g.channels, ...g.size];
  const forwards = { fused: (t: Tensor) => new nn.Sequential(...modules).forward(t) };
  const separate = (t: Tensor) => modules.reduce((value, module) => module.forward(value), t);
  for (const [name, forward] of Object.entries(tail === "none" ? { separate } : { ...forwards, separate })) {
    const input = tensor(x, { shape, requiresGrad: true });
    for (const p of conv.parameters()) p.grad = null;
    const y = forward(input);
    expect(y.shape, name).toEqual(expected.shape);
    difference(`${name}: values`, y.data(), expected.y);
    y.backward(tensor(Float32Array.from(dy), { shape: expected.shape }));
    difference(`${name}: gradient of the input`, input.grad?.data() as Float32Array, gradients.x);
    difference(`${name}: gradient of the weight`, conv.weight.grad?.data() as Float32Array, gradients.weight);
    difference(`${name}: gradient of the bias`, conv.bias?.grad?.data() as Float32Array, gradients.bias);
  }
}

/** A geometry whose output has two rows and columns at least. */
function randomGeometry(random: () => number): Geometry {
  const pick = <T>(...values: T[]): T => values[Math.floor(random() * values.length)];
  const pair = (...values: number[]): Pair =>
    random() < 0.5 ? [pick(...values), pick(...values)] : both(pick(...values));
  for (;;) {
    const groups = pick(1, 1, 1, 1, 2, 3);
    const g: Geometry = {
      images: pick(1, 1, 2, 3),
      channels: groups * pick(1, 1, 2, 3, 4, 5),
      filters: groups * pick(1, 2, 3, 4, 5, 9),
      groups,
      size: [pick(4, 5, 6, 7, 8, 9, 11, 13, 16, 18), pick(4, 5, 6, 7, 8, 9, 10, 12, 15, 16, 17, 18, 22)],
      kernel: pick<Pair>([3, 3], [3, 3], pair(1, 2, 3, 4, 5)),
      stride: pick<Pair>([1, 1], pair(1, 2, 3, 4, 5)),
      padding: pair(0, 1, 2, 3),
      dilation: pick<Pair>([1, 1], [1, 1], pair(1, 2, 3)),
    };
    if (outSize(g, 0) >= 2 && outSize(g, 1) >= 2) return g;
  }
}

const both = (value: number): Pair => [value, value];

describe("one pass for convolution, ReLU and pooling gives what the definitions give", () => {
  test("stride 3 where the output is 2 wider than a multiple of 4", () => {
    const net = new nn.Sequential(
      new nn.Conv2d(2, 1, { kernelSize: 1, stride: 3, bias: false }),
      new nn.ReLU(),
      new nn.MaxPool2d(2),
    );
    net.loadStateDict({ "0.weight": tensor([1, 1], { dtype: "float32" }).reshape([1, 2, 1, 1]) });
    const x = tensor(
      Float32Array.from({ length: 32 }, (_, i) => i),
      { shape: [1, 2, 4, 4] },
    );
    expect(net.forward(x).toArray()).toEqual([[[[46]]]]); // x[0][3][3] + x[1][3][3] = 15 + 31
  });

  const count = Number(process.env.FUSION_CASES ?? 40);
  test.each(ALGORITHMS)(`random geometries, algorithm %s (${count} cases of each kind)`, (algorithm) => {
    const random = testRandom(ALGORITHMS.indexOf(algorithm) + 1 + 1000 * Number(process.env.FUSION_SEED ?? 0));
    forceConvAlgorithm(algorithm);
    for (let i = 0; i < count; i++) {
      const g = randomGeometry(random);
      for (const tail of ["relu", "pool"] as const) {
        try {
          check(g, i, tail);
        } catch (error) {
          throw new Error(`${tail} ${JSON.stringify(g)}`, { cause: error });
        }
      }
    }
  });

  test("many channels, where Winograd is chosen, and a batch of none", () => {
    const g: Geometry = {
      images: 1,
      channels: 33,
      filters: 34,
      groups: 1,
      size: [7, 10],
      kernel: [3, 3],
      stride: [1, 1],
      padding: [1, 0],
      dilation: [1, 1],
    };
    check(g, 1, "pool");
    check({ ...g, images: 0 }, 1, "pool");
    check({ ...g, images: 0, channels: 2, stride: [3, 3] }, 1, "pool");
  });
});
