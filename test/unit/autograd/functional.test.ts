/** Products with Jacobian and Hessian matrices, checkpoints, and custom functions. */
import { describe, expect, test } from "vitest";
import {
  AutogradError,
  checkpoint,
  customFunction,
  grad,
  hessian,
  hvp,
  jacobian,
  jvp,
  manualSeed,
  memory,
  nn,
  randn,
  ShapeError,
  scope,
  type Tensor,
  tensor,
  vjp,
} from "wasmgrad";

const f = (x: Tensor, y: Tensor) => x.square().mul(y); // J = [diag(2 x y), diag(x²)]
const inputs = () => [tensor([1, 2]), tensor([3, 5])];

describe("matrices and products with them", () => {
  test("vjp and jvp", () => {
    const [out, [dx, dy]] = vjp(f, inputs(), tensor([10, 1]));
    expect([out, dx, dy].map((t) => t.toArray())).toEqual([
      [3, 20],
      [60, 20],
      [10, 4],
    ]);
    const [same, along] = jvp(f, inputs(), [tensor([1, 0]), tensor([0, 1])]);
    expect([same, along].map((t) => t.toArray())).toEqual([
      [3, 20],
      [6, 4],
    ]);
    expect([out, dx, along].some(({ requiresGrad }) => requiresGrad)).toBe(false);
  });

  test("jacobian and hessian", () => {
    const [jx, jy] = jacobian(f, inputs());
    expect(jx.toArray()).toEqual([
      [6, 0],
      [0, 20],
    ]);
    expect(jy.toArray()).toEqual([
      [1, 0],
      [0, 4],
    ]);
    const [[xx, xy], [yx, yy]] = hessian((x, y) => f(x, y).sum(), inputs());
    expect([xx, xy, yx, yy].map((t) => t.toArray())).toEqual([
      [
        [6, 0],
        [0, 10],
      ],
      [
        [2, 0],
        [0, 4],
      ],
      [
        [2, 0],
        [0, 4],
      ],
      [
        [0, 0],
        [0, 0],
      ],
    ]);
    expect(jacobian((x) => x.reshape([2, 1]), tensor([1, 2])).shape).toEqual([2, 1, 2]);
  });

  test("hvp is the Hessian matrix times the vector, for a convolution", () => {
    const x = randn([1, 2, 4, 4]);
    const w = randn([3, 2, 3, 3]);
    const energy = (input: Tensor) => nn.functional.conv2d(input, w, null, { padding: 1 }).tanh().square().sum();
    const v = randn(x.shape);
    const [, product] = hvp(energy, x, v);
    const matrix = hessian(energy, x).reshape([32, 32]);
    const expected = matrix.matmul(v.reshape([32])).data();
    product.data().forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i], 3);
    });
  });

  test("with createGraph, the results can be differentiated", () => {
    const x = tensor([2], { requiresGrad: true });
    expect(grad(jacobian((t) => t.pow(3), x, { createGraph: true }).sum(), x).toArray()).toEqual([12]);
    const [, product] = hvp((t) => t.pow(4).sum(), x, tensor([1]), { createGraph: true });
    expect(grad(product.sum(), x).toArray()).toEqual([48]);
  });

  test("refuse wrong shapes, and several elements where there must be one", () => {
    expect(() => vjp(f, inputs())).toThrow(ShapeError);
    expect(() => jvp(f, inputs(), [tensor([1])])).toThrow(ShapeError);
    expect(() => hessian(f, inputs())).toThrow(AutogradError);
  });
});

describe("checkpoint", () => {
  const block = () => {
    manualSeed(3);
    return new nn.Sequential(
      new nn.Linear(6, 16),
      new nn.BatchNorm1d(16),
      new nn.GELU(),
      new nn.Dropout(0.5),
      new nn.Linear(16, 6),
    );
  };
  /**
   * Gradients of input and parameters, the running mean, and a draw after the pass, as one list of numbers.
   */
  const results = (wrapped: boolean, order: number) => {
    const model = block();
    const x = randn([5, 6], { requiresGrad: true });
    const apply = (input: Tensor) => model.forward(input).add(input);
    const y = wrapped ? checkpoint(apply, x.mul(1)) : apply(x.mul(1));
    let loss = y.square().sum();
    for (let i = 1; i < order; i++) loss = grad(loss, x, { createGraph: true }).square().sum();
    loss.backward();
    const norm = model.buffers().map((buffer) => buffer.data());
    const gradients = [x, ...model.parameters()].map((t) => t.grad?.data() ?? []);
    return [...gradients, ...norm, randn([3]).data()].map((values) => Array.from(values));
  };

  test.each([1, 2])("gives the same bits as without it: dropout, running statistics; order %s", (order) => {
    expect(results(true, order)).toEqual(results(false, order));
  });

  test("drops what the operations save, and releases everything in the end", () => {
    const before = memory().liveBytes;
    const x = randn([1000], { requiresGrad: true });
    const deep = (input: Tensor) => Array.from({ length: 10 }).reduce<Tensor>((t) => t.sin().mul(1.5), input);
    const held = (wrapped: boolean) =>
      scope(() => {
        const start = memory().liveBytes;
        const y = scope(() => (wrapped ? checkpoint(deep, x) : deep(x)));
        const used = memory().liveBytes - start;
        y.sum().backward();
        return used;
      });
    const [plain, light] = [held(false), held(true)];
    expect(light).toBeLessThan(plain / 5);
    x.release();
    expect(memory().liveBytes).toBe(before);
  });

  test("nests, and hooks inside run once", () => {
    const x = tensor([0.5], { requiresGrad: true });
    const seen: number[] = [];
    const inner = (t: Tensor) => t.exp();
    const outer = (t: Tensor) => {
      const y = checkpoint(inner, t.sin());
      y.registerHook((g) => void seen.push(g.item()));
      return y.square();
    };
    checkpoint(outer, x).sum().backward();
    const e = Math.exp(Math.sin(0.5));
    expect(seen).toHaveLength(1);
    expect(x.grad?.item()).toBeCloseTo(2 * e * e * Math.cos(0.5), 5);
  });

  test("a function that computes something else the second time is refused", () => {
    const x = tensor([0.5], { requiresGrad: true });
    let calls = 0;
    const y = checkpoint((t) => (calls++ === 0 ? t.sin() : t.cos()), x);
    expect(() => y.backward()).toThrow("computed cos when it was called again, at first sin");
  });
});

describe("customFunction", () => {
  const cube = customFunction({
    name: "cube",
    forward(context, x: Tensor) {
      context.saveForBackward(x);
      expect(x.mul(2).requiresGrad).toBe(false);
      return x.pow(3);
    },
    backward(context, gradOutput) {
      const [x] = context.savedTensors;
      return gradOutput.mul(x.square()).mul(3);
    },
  });

  test("has gradients of first and higher order", () => {
    const x = tensor([1, 2], { requiresGrad: true });
    cube(x.mul(1)).sum().backward();
    expect(x.grad?.toArray()).toEqual([3, 12]);
    const slope = grad(cube(x).sum(), x, { createGraph: true });
    expect(grad(slope.sum(), x).toArray()).toEqual([6, 12]);
    expect(cube(tensor([2])).requiresGrad).toBe(false);
  });

  test("saved results and other values, several inputs, and null", () => {
    const exponential = customFunction({
      forward(context, x: Tensor, factor: number, y: Tensor) {
        const result = x.mul(factor).exp();
        context.saveForBackward(result);
        context.factor = factor;
        expect(context.needsInputGrad).toEqual([true, false, true]);
        return y.requiresGrad ? result : x;
      },
      backward(context, gradOutput) {
        const [result] = context.savedTensors;
        return [gradOutput.mul(result).mul(context.factor as number), null, null];
      },
    });
    const [x, y] = [tensor([0.5], { requiresGrad: true }), tensor([1], { requiresGrad: true })];
    const slope = grad(exponential(x, 2, y), [x, y], { createGraph: true, allowUnused: true });
    expect(slope[1]).toBe(null);
    const second = grad(slope[0] as Tensor, x).item();
    expect(second).toBeCloseTo(4 * Math.E, 5);
  });

  test("refuses a wrong number of gradients, and wrong shapes", () => {
    const x = tensor([1, 2], { requiresGrad: true });
    const wrong = (result: (g: Tensor) => (Tensor | null)[]) =>
      customFunction({ forward: (_context, t: Tensor) => t.mul(1), backward: (_context, g) => result(g) });
    expect(() =>
      wrong((g) => [g, g])(x)
        .sum()
        .backward(),
    ).toThrow("one for each input, got 2");
    expect(() =>
      wrong((g) => [g.sum()])(x)
        .sum()
        .backward(),
    ).toThrow(ShapeError);
  });
});
