/**
 * Pooling with windows, steps, paddings and distances up to the limits of int32, compared with float64, in
 * which all sizes are exact.
 */
import { describe, expect, test } from "vitest";
import { nn, ShapeError, scope, tensor, zeros } from "wasmgrad";
import { expectClose } from "../../support/compare.ts";
import { testRandom } from "../../support/random.ts";

const { adaptiveAvgPool2d, avgPool2d, maxPool2d } = nn.functional;
const MOST = 2 ** 31 - 1;
type Two = [number, number];

interface Window {
  kernel: Two;
  stride: Two;
  padding: Two;
  dilation: Two;
  ceilMode: boolean;
}

/**
 * The windows of one dimension: their elements, and the number of places that they count with the padding;
 * null if there are no windows.
 */
function windows(w: Window, d: 0 | 1, length: number) {
  const [k, s, p, gap] = [w.kernel[d], w.stride[d], w.padding[d], w.dilation[d]];
  const room = length + 2 * p - gap * (k - 1) - 1;
  let count = Math.floor((room + (w.ceilMode ? s - 1 : 0)) / s) + 1;
  if (w.ceilMode && (count - 1) * s >= length + p) count--;
  if (count < 1) return null;
  return Array.from({ length: count }, (_, o) => {
    const start = o * s - p;
    const inside: number[] = [];
    for (let t = Math.max(0, Math.ceil(-start / gap)); t < k && start + t * gap < length; t++)
      inside.push(start + t * gap);
    return { inside, counted: Math.min(start + k, length + p) - start };
  });
}

function check(kind: "max" | "avg", size: Two, w: Window, includePad: boolean, divisor: number | null): boolean {
  const [rows, columns] = [windows(w, 0, size[0]), windows(w, 1, size[1])];
  const values = Float32Array.from({ length: 2 * size[0] * size[1] }, (_, i) => ((i * 7919) % 101) - 50);
  const x = tensor(values, { shape: [1, 2, ...size], requiresGrad: true });
  const { kernel, dilation, ...options } = w;
  const run = () =>
    kind === "max"
      ? maxPool2d(x, kernel, { ...options, dilation })
      : avgPool2d(x, kernel, { ...options, countIncludePad: includePad, divisorOverride: divisor });
  const what = `${kind} ${size} ${JSON.stringify(w)} ${includePad} ${divisor}`;
  if (!rows || !columns) {
    expect(run, what).toThrow(ShapeError);
    return false;
  }
  const y = run();
  expect(y.shape, what).toEqual([1, 2, rows.length, columns.length]);
  const [expected, dy, dx] = [[] as number[], [] as number[], new Float64Array(values.length)];
  for (let plane = 0; plane < 2; plane++) {
    for (const row of rows) {
      for (const column of columns) {
        const at = row.inside.flatMap((r) => column.inside.map((c) => (plane * size[0] + r) * size[1] + c));
        dy.push((dy.length % 5) - 2);
        const g = dy[dy.length - 1];
        if (kind === "max") {
          const best = at.reduce((a, b) => (values[b] > values[a] ? b : a), at[0]);
          expected.push(at.length > 0 ? values[best] : -Infinity);
          if (at.length > 0) dx[best] += g;
        } else {
          const n = divisor ?? (includePad ? row.counted * column.counted : at.length);
          expected.push(at.length > 0 ? at.reduce((sum, i) => sum + values[i], 0) / n : 0);
          for (const i of at) dx[i] += g / n;
        }
      }
    }
  }
  // averages over 2^60 places are small, so errors are relative to the exact average
  expectClose(
    what,
    Float64Array.from(y.data(), (v, i) => v / (Math.abs(expected[i]) || 1)),
    expected.map((e) => e / (Math.abs(e) || 1)),
    1e-6,
  );
  y.backward(tensor(Float32Array.from(dy), { shape: y.shape }));
  const scale = dx.reduce((most, g) => Math.max(most, Math.abs(g)), 0) || 1;
  expectClose(
    `${what}: gradient`,
    Float64Array.from(x.grad?.data() ?? [], (g) => g / scale),
    dx.map((g) => g / scale),
    1e-5,
  );
  return true;
}

describe.each(["max", "avg"] as const)("%s pooling with far windows", (kind) => {
  test("random sizes, small and near 2^31", () => {
    const random = testRandom(kind === "max" ? 1 : 2);
    const pick = (...from: number[]) => from[Math.floor(random() * from.length)];
    const two = (from: () => number): Two => (random() < 0.5 ? [from(), from()] : (Array(2).fill(from()) as Two));
    let served = 0;
    for (let i = 0; i < Number(process.env.POOLING_CASES ?? 1500); i++) {
      const kernel = two(() => pick(1, 2, 3, 5, 9, 100, 2 ** 16, 2 ** 30, MOST - 1, MOST));
      const size = two(() => pick(1, 2, 3, 4, 5, 8, 13));
      const padding = kernel.map((k) => Math.min(k >> 1, pick(0, 0, 1, 2, k >> 1, (k >> 1) - 1, k >> 2, 4))) as Two;
      const w: Window = {
        kernel,
        padding: padding.map((p) => Math.max(p, 0)) as Two,
        stride: two(() => pick(1, 2, 3, 4, 5, 7, 2 ** 16, 2 ** 30, MOST - 1, MOST)),
        dilation: kind === "max" ? two(() => pick(1, 1, 1, 2, 3, 2 ** 16, 2 ** 30, MOST)) : [1, 1],
        ceilMode: random() < 0.5,
      };
      // windows that are too many to list
      if ([0, 1].some((d) => (size[d] + 2 * w.padding[d]) / w.stride[d] > 60)) continue;
      const divisor = random() < 0.2 ? pick(1, -3, MOST) : null;
      if (scope(() => check(kind, size, w, random() < 0.5, divisor))) served++;
    }
    expect(served).toBeGreaterThan(200);
  });
});

test("large windows far apart are computed without walking through the gaps", () => {
  const x = tensor([1, 2], { shape: [1, 2, 1] });
  const options = { padding: [2, 2 ** 30 - 1], stride: [2, 2 ** 30 - 3], ceilMode: true } as const;
  const start = process.cpuUsage();
  expect(maxPool2d(x, [4, MOST - 1], options).toArray()).toEqual([
    [
      [2, 2],
      [2, 2],
    ],
  ]);
  // s; it took as long for a row as for 2^30 columns
  expect(process.cpuUsage(start).user / 1e6).toBeLessThan(1);
});

test("a window over 2^62 places has the exact average", () => {
  const y = avgPool2d(
    tensor(
      [
        [
          [
            [4, 4],
            [4, 4],
          ],
        ],
      ],
      { dtype: "float32" },
    ),
    MOST,
    { padding: 2 ** 30 - 1, stride: MOST },
  );
  expect(y.item() * 2 ** 62).toBeCloseTo(16, 5);
});

test("adaptive pooling to a size that memory cannot hold is an error", () => {
  expect(() => adaptiveAvgPool2d(zeros([1, 1, 2, 2]), MOST)).toThrow(/bytes|memory/i);
});

describe("convolutions with far steps, paddings and distances", () => {
  const { conv2d, convTranspose2d } = nn.functional;
  const values = (shape: number[]) => {
    const size = shape.reduce((a, b) => a * b, 1);
    return tensor(
      Float32Array.from({ length: size }, (_, i) => ((i * 7) % 11) - 5),
      { shape, requiresGrad: true },
    );
  };

  test.each([1, 2])("a step beyond the image leaves one pixel, %i channels", (channels) => {
    const x = values([1, channels, 5, 6]);
    const weight = values([channels, 1, 2, 3]);
    const near = conv2d(x, weight, null, { stride: [5, 6], groups: channels });
    for (const stride of [
      [5, MOST],
      [2 ** 20, 6],
      [MOST, MOST],
    ]) {
      const inputs = [values([1, channels, 5, 6]), values([channels, 1, 2, 3])];
      const y = conv2d(inputs[0], inputs[1], null, { stride, groups: channels });
      y.sum().backward();
      expect(y.toArray()).toEqual(near.toArray());
      // the gradient of the input is the kernel at the corner
      const dx = inputs[0].grad?.toArray() as number[][][][];
      expect(dx[0].map((plane) => plane.slice(0, 2).map((row) => row.slice(0, 3)))).toEqual(
        (weight.toArray() as number[][][][]).map((filter) => filter[0]),
      );
    }
  });

  test("a kernel of one tap has no distances", () => {
    const x = values([1, 2, 3, 3]);
    const weight = values([2, 2, 1, 1]);
    expect(conv2d(x, weight, null, { dilation: MOST }).toArray()).toEqual(conv2d(x, weight).toArray());
  });

  test("of a transposed convolution of one pixel the step does not matter", () => {
    const x = values([1, 2, 1, 1]);
    const weight = values([2, 3, 2, 2]);
    expect(convTranspose2d(x, weight, null, { stride: MOST }).toArray()).toEqual(convTranspose2d(x, weight).toArray());
  });

  test.each<[string, () => unknown]>([
    ["padding", () => conv2d(zeros([1, 1, 8, 8]), zeros([1, 1, 3, 3]), null, { padding: 2 ** 30, stride: MOST })],
    ["padding of rows", () => conv2d(zeros([1, 1, 8, 8]), zeros([1, 1, 3, 3]), null, { padding: [MOST, 0] })],
    [
      "padding that 25 GB would hold",
      () => conv2d(zeros([1, 1, 8, 8]), zeros([1, 1, 3, 3]), null, { padding: 40_000, stride: 40_000 }),
    ],
    [
      "a step of a transposed one",
      () => convTranspose2d(zeros([1, 1, 2, 2]), zeros([1, 1, 3, 3]), null, { stride: MOST }),
    ],
    [
      "padding of a transposed one",
      () => convTranspose2d(zeros([1, 1, 2, 2]), zeros([1, 1, 1, 1]), null, { stride: MOST, padding: 2 ** 30 - 1 }),
    ],
  ])("%s that no memory holds is a ShapeError", (_name, run) => {
    expect(run).toThrow(ShapeError);
    expect(run).toThrow("memory holds at most");
  });

  test("a distance that leaves the padded image is a ShapeError", () => {
    const run = () => conv2d(zeros([1, 1, 8, 8]), zeros([1, 1, 3, 3]), null, { dilation: MOST });
    expect(run).toThrow(ShapeError);
  });
});
