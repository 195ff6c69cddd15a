/** Results and gradients that float32 holds, though a factor on the way would not fit; and what NaN and infinities do to gradients. */
import { describe, expect, test } from "vitest";
import { nn, type Tensor, tensor } from "wasmgrad";

const F = nn.functional;

/** The gradient of x where that of f(x) is `dy`. */
function gradient(values: number[], f: (x: Tensor) => Tensor, dy = values.map(() => 1)): number[] {
  const x = tensor(values, { requiresGrad: true });
  f(x).backward(tensor(dy));
  return [...(x.grad as Tensor).data()];
}

function expectNear(values: number[], exact: number[]): void {
  values.forEach((value, i) => {
    expect(Math.abs(value - exact[i]), `${value}, exactly ${exact[i]}`).toBeLessThanOrEqual(1e-6 * Math.abs(exact[i]));
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

describe("NaN and infinities", () => {
  test("smoothL1Loss shows a NaN in the gradient, as PyTorch", () => {
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
