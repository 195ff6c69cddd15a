import { describe, expect, test } from "vitest";
import { memory, nn, OptionError, scope, type Tensor, tensor, zeros } from "wasmgrad";
import { expectClose } from "../../support/compare.ts";
import { testRandom } from "../../support/random.ts";

const { clipGradNorm_, clipGradValue_ } = nn.utils;

function withGrad(grad: number[] | Float32Array): Tensor {
  const parameter = zeros([grad.length], { requiresGrad: true });
  parameter.grad = tensor(grad);
  return parameter;
}

/** Parameters, one of them without a gradient. */
const parameters = () => [withGrad([1, -2, 3]), zeros([5], { requiresGrad: true }), withGrad([0.5, -0.25, 4, 0])];
const gradients = (list: Tensor[]) => list.flatMap((parameter) => [...(parameter.grad?.data() ?? [])]);

describe("clipGradNorm_", () => {
  const whole = [1, -2, 3, 0.5, -0.25, 4, 0];
  /** normType, maxNorm, the norm, and the factor in PyTorch 1.13. */
  test.each([
    [2, 1.5, 5.505679130554199, 0.2724459171295166],
    [1, 2, 10.75, 0.18604649603366852],
    [Infinity, 0.5, 4, 0.12499997019767761],
    [2, 100, 5.505679130554199, 1],
    [2, Infinity, 5.505679130554199, 1],
    [2, 0, 5.505679130554199, 0],
  ])("norm %d to at most %d, as in PyTorch", (normType, maxNorm, norm, factor) => {
    const list = parameters();
    expectClose("norm", [clipGradNorm_(list, maxNorm, { normType }).item()], [norm], 1e-7);
    expectClose(
      "gradients",
      gradients(list),
      whole.map((value) => value * factor),
      1e-7,
    );
  });

  test("sums any number of elements in float64", () => {
    const random = testRandom(3);
    for (const size of [1, 5, 16384, 16387, 100003]) {
      const grad = Float32Array.from({ length: size }, () => 1 + random());
      const expected = Math.sqrt(grad.reduce((sum, value) => sum + value * value, 0));
      const norm = clipGradNorm_(withGrad(grad), Infinity);
      expectClose(`${size} elements`, [norm.item() / expected], [1], 6e-8);
    }
  });

  test("a NaN norm is returned, or is an error that changes nothing", () => {
    const list = [withGrad([1, Number.NaN]), withGrad([2])];
    expect(() => clipGradNorm_(list, 1, { errorIfNonfinite: true })).toThrow(/norm of the gradients is NaN/);
    expect(gradients(list)).toEqual([1, Number.NaN, 2]);
    for (const normType of [1, 2, Infinity]) expect(clipGradNorm_(list, Infinity, { normType }).item()).toBeNaN();
    clipGradNorm_(list, 1);
    expect(gradients(list)).toEqual([Number.NaN, Number.NaN, Number.NaN]);
  });

  test("without gradients the norm is 0, and no tensor remains", () => {
    const list = [zeros([3], { requiresGrad: true }), withGrad(new Float32Array(0))];
    expect(clipGradNorm_(list, 1).item()).toBe(0);
    expect(clipGradNorm_([], 1).item()).toBe(0);
    const before = memory();
    scope(() => void clipGradNorm_(parameters(), 1));
    expect(memory().liveTensors).toBe(before.liveTensors);
  });
});

test("clipGradValue_ clamps each element", () => {
  const list = parameters();
  clipGradValue_(list, 1);
  expect(gradients(list)).toEqual([1, -1, 1, 0.5, -0.25, 1, 0]);
});

test.each<[string, () => unknown]>([
  ["NaN maxNorm", () => clipGradNorm_(parameters(), Number.NaN)],
  ["negative maxNorm", () => clipGradNorm_(parameters(), -1)],
  ["another norm", () => clipGradNorm_(parameters(), 1, { normType: 3 })],
  ["an unknown option", () => clipGradNorm_(parameters(), 1, { norm: 2 } as object)],
  ["no list", () => clipGradNorm_(undefined as never, 1)],
  ["a list of numbers", () => clipGradNorm_([1] as never, 1)],
  ["NaN clipValue", () => clipGradValue_(parameters(), Number.NaN)],
  ["negative clipValue", () => clipGradValue_(parameters(), -1)],
])("%s is an OptionError", (_name, run) => {
  expect(run).toThrow(OptionError);
});
