/**
 * Results and gradients that fit float32 although an intermediate factor does not, and the effect of NaN and
 * infinities on gradients.
 */
import { describe, expect, test } from "vitest";
import { div, maximum, minimum, nn, optim, pow, type Tensor, tensor } from "wasmgrad";

const F = nn.functional;

/** The gradient of x if the gradient of f(x) is `dy`. */
function gradient(values: number[], f: (x: Tensor) => Tensor, dy = values.map(() => 1)): number[] {
  const x = tensor(values, { requiresGrad: true });
  f(x).backward(tensor(dy));
  return [...(x.grad as Tensor).data()];
}

function expectNear(values: number[], exact: number[]): void {
  values.forEach((value, i) => {
    const about = `${value}, exactly ${exact[i]}`;
    if (!Number.isFinite(Math.fround(exact[i]))) expect(value, about).toBe(Math.fround(exact[i]));
    else expect(Math.abs(value - exact[i]), about).toBeLessThanOrEqual(1e-6 * Math.abs(exact[i]) + 2 ** -149);
  });
}

describe("no overflow on the way", () => {
  const lines: [string, number[], number[], (x: Tensor) => Tensor, (x: number) => number][] = [
    ["square", [3e38, -2e38, 1e-30], [1e-10, 0.1, 1e30], (x) => x.square(), (x) => 2 * x],
    ["rsqrt", [1e-30, 1e30, 1e-20], [1e-20, 1e30, 1e-10], (x) => x.rsqrt(), (x) => -0.5 / Math.sqrt(x) ** 3],
    ["reciprocal", [1e-25, -1e25, 1e-30], [1e-20, 1e30, 1e-30], (x) => x.reciprocal(), (x) => -1 / x / x],
    ["gelu tanh", [3e38, -3e38, 1e20, 25], [2, 2, 1, 1], (x) => F.gelu(x, { approximate: "tanh" }), (x) => +(x > 0)],
  ];
  test.each(lines)("the gradient of %s", (_name, values, dy, f, slope) => {
    const [xs, gs] = [values, dy].map((list) => [...Float32Array.from(list)]);
    expectNear(
      gradient(xs, f, gs),
      xs.map((x, i) => gs[i] * slope(x)),
    );
  });

  test("mseLoss and smoothL1Loss", () => {
    const t = tensor([0, 0, 0, 0]);
    const large = [3e38, -3e38, 1, 0].map(Math.fround);
    const slopes = large.map((d) => d / 2);
    const x = tensor(large, { requiresGrad: true });
    F.mseLoss(x, t).backward();
    expectNear([...(x.grad as Tensor).data()], slopes);
    const target = tensor(large, { requiresGrad: true });
    F.mseLoss(t, target).backward();
    expectNear([...(target.grad as Tensor).data()], slopes);
    const loss = F.smoothL1Loss(tensor([1e25, 3e29]), tensor([0, 0]), { beta: 1e30, reduction: "none" });
    expectNear([...loss.data()], [5e19, 4.5e28]);
  });
});

/** Every pair of float32 values, as two columns, and a third column. */
function triples(values: number[], third: number[]): [Float32Array, Float32Array, Float32Array] {
  const rows = values.flatMap((a) => values.flatMap((b) => third.map((c) => [a, b, c])));
  const column = (k: number) => Float32Array.from(rows, (row) => row[k]);
  return [column(0), column(1), column(2)];
}

/** Checks both gradients of f(a, b), whose own gradient is dy, to 0.6 ulp of float64's. */
function expectGradients(
  f: (a: Tensor, b: Tensor) => Tensor,
  [a, b, dy]: [Float32Array, Float32Array, Float32Array],
  slopeA: (a: number, b: number, dy: number) => number,
  slopeB: (a: number, b: number, dy: number) => number,
): void {
  const [x, y] = [a, b].map((values) => tensor(values, { requiresGrad: true }));
  f(x, y).backward(tensor(dy));
  for (const [grad, slope] of [[x.grad, slopeA] as const, [y.grad, slopeB] as const]) {
    (grad as Tensor).data().forEach((value, i) => {
      const exact = slope(a[i], b[i], dy[i]);
      const about = `at ${a[i]}, ${b[i]}, dy ${dy[i]}: ${value}, exactly ${exact}`;
      if (!Number.isFinite(Math.fround(exact))) expect(value, about).toBe(Math.fround(exact));
      else
        expect(Math.abs(value - exact), about).toBeLessThanOrEqual(
          0.6 * Math.max(Math.abs(exact) * 2 ** -23, 2 ** -149),
        );
    });
  }
}

const wide = [1e-40, 1e-30, 3e-20, 1e-6, 0.3, 1, 2.5, 1e7, 2e20, 1e30, 3e38];

describe("gradients of two operands, from 1e-40 to 3e38", () => {
  test("a / b", () => {
    const [a, b, dy] = triples(
      [...wide, -1e-30, -7, 0].filter((v) => v !== 0),
      [1e-38, 1, -1e30],
    );
    expectGradients(
      div,
      [a, b, dy],
      (_, y, g) => g / y,
      (x, y, g) => (-g * x) / y / y,
    );
    // 0 / b, whose gradient is 0 however small b is
    expect(gradient([1e-42, 1e-30], (b) => div(0, b))).toEqual([-0, -0]);
  });

  test("a / b, broadcast", () => {
    const [a, b] = [
      [[1e-30], [2e-30]],
      [1e-30, 3e-30],
    ].map((values) => tensor(values, { requiresGrad: true }));
    div(a, b).sum().backward();
    const [x, y] = [a, b].map((v) => [...v.data()]);
    expectNear(
      [...(b.grad as Tensor).data()],
      y.map((v) => -(x[0] + x[1]) / v ** 2),
    );
  });

  test("a^b", () => {
    const [bases, exponents] = [wide, [-20, -3, -1.5, -1, -1e-30, 0.1, 1, 1.5, 2, 3, 20, 300]];
    const rows = bases.flatMap((x) => exponents.flatMap((y) => [1e-38, 1, -1e30].map((g) => [x, y, g])));
    const column = (k: number) => Float32Array.from(rows, (row) => row[k]);
    // by base-2 logarithms where the power would overflow even in float64
    const scaled = (x: number, y: number, factor: number) => {
      const log = y * Math.log2(x) + Math.log2(Math.abs(factor));
      return log > 200
        ? Math.sign(factor) * Infinity
        : log < -200 || factor === 0
          ? factor * 0
          : x ** (y / 2) * factor * x ** (y / 2);
    };
    expectGradients(
      pow,
      [column(0), column(1), column(2)],
      (x, y, g) => scaled(x, y - 1, g * y),
      (x, y, g) => scaled(x, y, g * Math.log(x)),
    );
    expectNear(
      gradient([1e-20, -1e-20].map(Math.fround), (x) => x.pow(3), [1e30, 1e30]),
      [3e-10, 3e-10],
    );
  });

  // PyTorch 2.15's values, except for (-1)^1e20: 1e20 is even
  test("a^b of negative, zero and infinite bases", () => {
    const a = [-2, -2, -2, -2, -0, 0, 0, 0, -1, -Infinity, Infinity, NaN, NaN, 0, -0];
    const b = [3, 2, 0.5, -3, -3, -3, 1, 0, 1e20, 3, -1, 0, 1, 0.5, 2];
    const x = tensor(a, { requiresGrad: true });
    const y = tensor(b, { requiresGrad: true });
    pow(x, y).sum().backward();
    const e = Math.fround(1e20);
    expect([...(x.grad as Tensor).data()]).toEqual([
      12,
      -4,
      NaN,
      -0.1875,
      -Infinity,
      -Infinity,
      1,
      0,
      -e,
      Infinity,
      -0,
      0,
      1,
      Infinity,
      -0,
    ]);
    const log = [NaN, NaN, NaN, NaN, Infinity, -Infinity, 0, 0, NaN, NaN, NaN, NaN, NaN, 0, 0];
    expect([...(y.grad as Tensor).data()]).toEqual(log);
  });

  test("the smallest exponents are not even, although their half rounds to 0", () => {
    const least = 2 ** -149;
    const x = tensor([-0, -0, -0, -2], { requiresGrad: true });
    pow(x, tensor([least, -least, 2 ** -148, least])).backward(tensor([1, 1, 1, 1]));
    expect([...(x.grad as Tensor).data()]).toEqual([Infinity, -Infinity, Infinity, NaN]);
  });

  test("an infinite gradient times a share of 0 is 0", () => {
    const dy = tensor([Infinity, Infinity, Infinity, 2, 2]);
    for (const [f, first] of [
      [maximum, [0, Infinity, Infinity, 2, 2]],
      [minimum, [Infinity, 0, Infinity, 2, 2]],
    ] as const) {
      const a = tensor([1, 2, 3, NaN, 1], { requiresGrad: true });
      const b = tensor([2, 1, 3, 1, NaN], { requiresGrad: true });
      f(a, b).backward(dy);
      expect([...(a.grad as Tensor).data()]).toEqual(first);
      expect([...(b.grad as Tensor).data()]).toEqual([first[1], first[0], Infinity, 2, 2]);
    }
    expect(gradient([0, 2, NaN], (x) => x.pow(0), [Infinity, Infinity, 1])).toEqual([0, 0, 0]);
  });
});

describe("losses of far inputs", () => {
  const far = [3e38, -3e38, 2e19, 0].map(Math.fround);
  const near = [-3e38, 3e38, 0, 0].map(Math.fround);
  const [x, t] = [tensor(far), tensor(near)];

  test("means are right if terms or differences exceed float32", () => {
    const [large] = far;
    expectNear([...F.mseLoss(tensor([2e19, 0, 0, 0]), tensor([0, 0, 0, 0])).data()], [Math.fround(2e19) ** 2 / 4]);
    expectNear([...F.l1Loss(x, t).data()], [large]);
    const beta = Math.fround(3.4e38);
    expectNear([...F.smoothL1Loss(x, t, { beta }).data()], [(4 * large - beta) / 4]);
    expect(F.mseLoss(x, t).item()).toBe(Infinity);
    expect(F.l1Loss(tensor([NaN, 3e38, -3e38]), tensor([0, -3e38, 3e38])).item()).toBeNaN();
  });

  test("mseLoss: gradients are right if a difference exceeds float32", () => {
    const [a, b] = [far, near].map((values) => tensor(values, { requiresGrad: true }));
    F.mseLoss(a, b).backward();
    const exact = far.map((value, i) => (value - near[i]) / 2);
    expectNear([...(a.grad as Tensor).data()], exact);
    expectNear(
      [...(b.grad as Tensor).data()],
      exact.map((v) => -v),
    );
    const slope = (dy: number[]) => gradient(far, (v) => F.mseLoss(v, t, { reduction: "none" }), dy);
    expectNear(slope([0.1, 0.2, 1, 1].map(Math.fround)), [1.2e38, -2.4e38, 4e19, 0]);
  });

  test("binaryCrossEntropy of probabilities near 0", () => {
    const p = [1e-30, 1e-10, 1e-4, 0.5].map(Math.fround);
    const loss = F.binaryCrossEntropy(tensor(p), tensor([0, 0, 0, 0]), { reduction: "none" });
    expectNear(
      [...loss.data()],
      p.map((v) => -Math.log1p(-v)),
    );
  });

  test("klDiv: 0 beside a target of 0, whatever is finite or infinite, and NaN beside NaN", () => {
    const loss = F.klDiv(tensor([-Infinity, -1, NaN]), tensor([0, 0, 0]), { reduction: "none" });
    expect([...loss.data()]).toEqual([0, 0, NaN]);
  });

  test("binaryCrossEntropyWithLogits of infinite logits: PyTorch's gradient of the target", () => {
    const target = tensor([0, 1, 0.5], { requiresGrad: true });
    F.binaryCrossEntropyWithLogits(tensor([-Infinity, Infinity, -3e38]), target, { reduction: "sum" }).backward();
    expect([...(target.grad as Tensor).data()]).toEqual([Infinity, -Infinity, Math.fround(3e38)]);
  });
});

test("interpolate: an infinity stays infinite if its neighbour's share is 0", () => {
  const rows = tensor([
    [-Infinity, 1],
    [2, Infinity],
  ]).reshape([1, 1, 2, 2]);
  const y = F.interpolate(rows, { size: [3, 3], mode: "bilinear", alignCorners: true });
  expect([...y.data()]).toEqual([-Infinity, -Infinity, 1, -Infinity, NaN, Infinity, 2, Infinity, Infinity]);
});

describe("normalizations, from 1e-36 to 2e37", () => {
  const values = [1, -2, 0.5, 3, -1.5, 2.25, 0.75, -0.25];
  const dy = [1, 0.5, -1, 2, -0.5, 0.25, 1.5, -2];
  const kinds: [string, (x: Tensor) => Tensor][] = [
    ["batchNorm", (x) => F.batchNorm(x.reshape([2, 1, 4]), null, null, { training: true, eps: 1e-300 })],
    ["batchNorm of vectors", (x) => F.batchNorm(x.reshape([8, 1]), null, null, { training: true, eps: 1e-300 })],
    ["groupNorm", (x) => F.groupNorm(x.reshape([1, 2, 4]), 1, { eps: 0 })],
    ["layerNorm", (x) => F.layerNorm(x.reshape([1, 8]), [8], { eps: 0 })],
  ];

  test.each(kinds)("%s", (_name, run) => {
    for (const size of [1e-36, 1e-30, 1e-20, 1, 1e20, 1e25, 1e30, 2e37]) {
      const xs = values.map((v) => Math.fround(v * size));
      const mean = (list: number[]) => list.reduce((a, b) => a + b) / list.length;
      const deviation = Math.sqrt(mean(xs.map((v) => (v - mean(xs)) ** 2)));
      const scores = xs.map((v) => (v - mean(xs)) / deviation);
      const dot = mean(dy.map((g, i) => g * scores[i]));
      const x = tensor(xs, { requiresGrad: true });
      const y = run(x);
      y.backward(tensor(dy).reshape(y.shape));
      expectNear([...y.data()], scores);
      const grad = (x.grad as Tensor).data();
      dy.forEach((g, i) => {
        const exact = (g - mean(dy) - scores[i] * dot) / deviation;
        expect(Math.abs(grad[i] - exact) * deviation, `${size}: ${grad[i]}, exactly ${exact}`).toBeLessThanOrEqual(
          5e-7,
        );
      });
    }
  });
});

test("optimizers: an infinite parameter stays infinite, and a decay of 0 adds no NaN", () => {
  for (const name of ["SGD", "Adam", "RMSprop"] as const) {
    const p = tensor([Infinity, 1], { requiresGrad: true });
    p.backward(tensor([1, 1]));
    new optim[name]([p], { lr: 0.5 }).step();
    expect(p.data()[0], name).toBe(Infinity);
  }
});

test("centered RMSprop takes no step if a square overflows, as in PyTorch", () => {
  const p = tensor([1, 1], { requiresGrad: true });
  p.backward(tensor([3e38, -1e30]));
  new optim.RMSprop([p], { centered: true }).step();
  expect([...p.data()]).toEqual([1, 1]);
});

describe("int32 and casts", () => {
  const [low, high] = [-(2 ** 31), 2 ** 31 - 1];

  // PyTorch 2.15's values
  test("arithmetic is modulo 2^32, sums are not", () => {
    const x = tensor(Int32Array.of(low, high, -7));
    expect([...x.abs().data()]).toEqual([low, high, 7]);
    expect([...x.neg().data()]).toEqual([low, -high, 7]);
    expect([...x.add(high).data()]).toEqual([-1, -2, high - 7]);
    expect([...x.mul(3).data()]).toEqual([low, high - 2, -21]);
    expect([...x.square().data()]).toEqual([0, 1, 49]);
    expect([...x.div(0).data()]).toEqual([-Infinity, Infinity, -Infinity]);
    expect(tensor(Int32Array.of(0)).div(0).item()).toBeNaN();
    // PyTorch's sum is int64
    expect(
      tensor(Int32Array.of(high, high, -5, -high))
        .sum()
        .item(),
    ).toBe(high - 5);
    expect([tensor(Int32Array.of(high, high)), tensor(Int32Array.of(low, low))].map((v) => v.sum().item())).toEqual([
      high,
      low,
    ]);
  });

  test("float32 to int32 saturates, and NaN is 0; to bool NaN is true", () => {
    const x = tensor([3e9, -3e9, Infinity, -Infinity, NaN, -1.9, 2 ** 31, -0]);
    expect([...x.int().data()]).toEqual([high, low, high, low, 0, -1, high, 0]);
    expect([...x.bool().data()]).toEqual([1, 1, 1, 1, 1, 1, 1, 0]);
    expect(tensor([1e-45]).bool().item()).toBe(1);
  });
});

test("masked elements have gradient 0, even for infinities and NaN", () => {
  const mask = tensor([1, 0, 1, 0]).bool();
  const x = [NaN, Infinity, 1, 2];
  expect(gradient(x, (v) => v.maskedFill(mask, 0), [NaN, Infinity, Infinity, 2])).toEqual([0, Infinity, 0, 2]);
  expect(gradient(x, (v) => v.where(mask, 0), [NaN, Infinity, Infinity, 2])).toEqual([NaN, 0, Infinity, 0]);
  expect(gradient(x, (v) => F.dropout(v, { p: 1 }), [NaN, Infinity, 1, 1])).toEqual([0, 0, 0, 0]);
  expect([...F.dropout(tensor(x), { p: 1 }).data()]).toEqual([0, 0, 0, 0]);
});

test("means are right if the sum exceeds float32", () => {
  const large = Math.fround(3e38);
  const x = tensor([large, large, large, large]);
  expect(x.mean().item()).toBe(large);
  expect(x.reshape([2, 2]).mean(0).data()[1]).toBe(large);
  expect(F.avgPool2d(x.reshape([1, 1, 2, 2]), 2).item()).toBe(large);
  expect(F.adaptiveAvgPool2d(x.reshape([1, 1, 2, 2]), 1).item()).toBe(large);
});

test("softmax and crossEntropy of logits from -3e38 to 3e38", () => {
  const logits = tensor(
    [
      [3e38, -3e38, 1],
      [-3e38, -3e38, -3e38],
    ],
    { requiresGrad: true },
  );
  expect([...F.softmax(logits, 1).data()].map((v) => +v.toFixed(6))).toEqual([1, 0, 0, 0.333333, 0.333333, 0.333333]);
  const loss = F.crossEntropy(logits, tensor(Int32Array.of(0, 1)), { reduction: "none" });
  expectNear([...loss.data()], [0, Math.log(3)]);
  loss.sum().backward();
  expectNear([...(logits.grad as Tensor).data()], [0, 0, 0, 1 / 3, -2 / 3, 1 / 3]);
});

describe("clipGradNorm_", () => {
  test.each([[1e38], [1e19], [1e-19], [1e-38]])("of gradients around %d", (size) => {
    const grads = [3, -1, 2, 0.5].map((v) => Math.fround(v * size));
    const norm = Math.hypot(...grads);
    for (const maxNorm of [1, 1e-30]) {
      const w = tensor([0, 0, 0, 0], { requiresGrad: true });
      w.backward(tensor(grads));
      expectNear([nn.utils.clipGradNorm_([w], maxNorm).item()], [Math.fround(norm)]);
      const factor = Math.min(1, maxNorm / (norm + 1e-6));
      expectNear(
        [...(w.grad as Tensor).data()],
        grads.map((v) => v * factor),
      );
    }
  });
});

describe("NaN and infinities", () => {
  test("elu passes the gradient where x is NaN, as in PyTorch", () => {
    expect(gradient([NaN, 1, -Infinity], (x) => F.elu(x), [2, 3, 4])).toEqual([2, 3, 0]);
  });

  test("smoothL1Loss has a NaN gradient for NaN, as in PyTorch", () => {
    for (const beta of [0, 1]) {
      const slope = (x: Tensor) => F.smoothL1Loss(x, tensor([0, 0, 0, 0, 0]), { reduction: "none", beta });
      expect(gradient([NaN, Infinity, -Infinity, -2, 0], slope)).toEqual([NaN, 1, -1, -1, 0]);
    }
  });

  test.each([[[5]], [[5, 1]], [[5, 1, 3]]])(
    "batchNorm in evaluation: the gradient does not look at x (%j)",
    ([n, ...rest]) => {
      const size = [n, 2, ...rest].reduce((a, b) => a * b);
      const x = tensor(
        Float32Array.from({ length: size }, (_, i) => [NaN, Infinity, -Infinity, 1e38, 2][i % 5]),
        { shape: [n, 2, ...rest], requiresGrad: true },
      );
      const weight = tensor([2, 3]);
      F.batchNorm(x, tensor([0, 1]), tensor([4, 0.25]), { weight, eps: 0 })
        .sum()
        .backward();
      const per = rest.reduce((a, b) => a * b, 1);
      const exact = Array.from({ length: size }, (_, i) => (Math.floor(i / per) % 2 === 0 ? 1 : 6));
      expect([...(x.grad as Tensor).data()]).toEqual(exact);
    },
  );

  // PyTorch 2.15's values
  test.each([
    [{ min: -1, max: 1 }, [-1, -1, -1, 0, 1, 1, 1, NaN], [0, 0, 0, 1, 0, 0, 0, 0]],
    [{ max: 1 }, [-Infinity, -2, -1, 0, 1, 1, 1, NaN], [1, 1, 1, 1, 0, 0, 0, 0]],
    [{ min: -1 }, [-1, -1, -1, 0, 1, 2, Infinity, NaN], [0, 0, 0, 1, 1, 1, 1, 0]],
    [{ min: 1, max: -1 }, [-1, -1, -1, -1, -1, -1, -1, NaN], [0, 0, 0, 0, 0, 0, 0, 0]],
    [{ min: -Infinity, max: 1 }, [-Infinity, -2, -1, 0, 1, 1, 1, NaN], [0, 1, 1, 1, 0, 0, 0, 0]],
    [{ min: -1, max: Infinity }, [-1, -1, -1, 0, 1, 2, Infinity, NaN], [0, 0, 0, 1, 1, 1, 0, 0]],
    [{ min: -Infinity }, [-Infinity, -2, -1, 0, 1, 2, Infinity, NaN], [0, 1, 1, 1, 1, 1, 1, 0]],
    [{ min: Infinity }, [...Array(7).fill(Infinity), NaN], [0, 0, 0, 0, 0, 0, 0, 0]],
    [{ max: -Infinity }, [...Array(7).fill(-Infinity), NaN], [0, 0, 0, 0, 0, 0, 0, 0]],
  ])("clamp to %j", (bounds, y, dx) => {
    const x = [-Infinity, -2, -1, 0, 1, 2, Infinity, NaN];
    expect([...tensor(x).clamp(bounds).data()]).toEqual(y);
    expect(gradient(x, (v) => v.clamp(bounds))).toEqual(dx);
  });

  test("clamp of int32: bounds that fit leave it int32, others make float32", () => {
    const x = tensor(Int32Array.of(-3, 0, 2));
    expect([x.clamp({ min: -1 }).dtype, [...x.clamp({ min: -1 }).data()]]).toEqual(["int32", [-1, 0, 2]]);
    expect([x.clamp({ min: 3e9 }).dtype, [...x.clamp({ min: 3e9 }).data()]]).toEqual(["float32", [3e9, 3e9, 3e9]]);
    expect([...x.clamp({ min: -1, max: Infinity }).data()]).toEqual([-1, 0, 2]);
  });
});
