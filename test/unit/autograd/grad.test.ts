/** `grad`, `backward` with `createGraph`, and hooks of tensors. */
import { describe, expect, test } from "vitest";
import {
  AutogradError,
  grad,
  inferenceMode,
  isGradEnabled,
  keep,
  memory,
  nn,
  OptionError,
  ones,
  ShapeError,
  scope,
  type Tensor,
  tensor,
} from "wasmgrad";

const leafOf = (values: number[]) => tensor(values, { requiresGrad: true });

describe("grad", () => {
  test("returns gradients of leaves and of results, and adds to no grad", () => {
    const [a, b] = [leafOf([1, 2]), leafOf([3, 4])];
    const product = a.mul(b);
    const gradients = grad(product.square().sum(), [a, product, b]);
    expect(gradients.map((gradient) => gradient.toArray())).toEqual([
      [18, 64],
      [6, 16],
      [6, 32],
    ]);
    expect([a.grad, b.grad]).toEqual([null, null]);
  });

  test("the gradient of an output with respect to itself is its gradOutputs", () => {
    const y = leafOf([1, 2]).mul(3);
    expect(grad(y, y, { gradOutputs: tensor([5, 7]) }).toArray()).toEqual([5, 7]);
  });

  test("adds up several outputs, of which some share nodes", () => {
    const x = leafOf([1, 2]);
    const y = x.square();
    const gradient = grad([y.sum(), y, x], x, { gradOutputs: [null, tensor([1, 10]), tensor([100, 100])] });
    expect(gradient.toArray()).toEqual([104, 144]);
  });

  test("operations compute only what leads to the inputs, and keep their arrays elsewhere", () => {
    const [x, w] = [leafOf([1, 2]), leafOf([3, 4])];
    const inner = w.square();
    const y = x.mul(inner).sum();
    expect(grad(y, x).toArray()).toEqual([9, 16]);
    inner.sum().backward(); // was not released
    expect(w.grad?.toArray()).toEqual([6, 8]);
    expect(() => y.backward()).toThrow(AutogradError); // mul was
  });

  test("an input that was not used", () => {
    const [x, z] = [leafOf([1]), leafOf([2])];
    expect(() => grad(x.square(), [x, z])).toThrow("grad: input 1 was not used");
    const gradients = grad(x.square(), [x, z], { allowUnused: true });
    expect(gradients.map((gradient) => gradient?.toArray() ?? null)).toEqual([[2], null]);
  });

  test("refuses what has no gradient", () => {
    const x = leafOf([1, 2]);
    expect(() => grad(tensor([1]), x)).toThrow(AutogradError);
    expect(() => grad(x.sum(), tensor([1]))).toThrow(AutogradError);
    expect(() => grad(x.square(), x)).toThrow(ShapeError);
    expect(() => grad(x.square(), x, { gradOutputs: [null, null] })).toThrow(OptionError);
    expect(() => grad(x.square(), x, { gradOutputs: tensor([1]) })).toThrow(ShapeError);
    expect(() => grad(x.sum(), [])).toThrow(OptionError);
  });

  test("derivatives of the third order", () => {
    const x = leafOf([2, 3]);
    let y = x.pow(4).sum();
    for (let order = 0; order < 3; order++) y = grad(y, x, { createGraph: true }).sum();
    expect(y.item()).toBe(24 * 5);
    const z = tensor(0.5, { requiresGrad: true });
    let d: Tensor = z.sin();
    for (let order = 0; order < 4; order++) d = grad(d, z, { createGraph: true });
    expect(d.item()).toBeCloseTo(Math.sin(0.5), 6);
  });

  test("gradients survive the scopes of the pass, and nothing else does", () => {
    const x = leafOf([1, 2]);
    const before = memory().liveTensors;
    scope(() => {
      const slope = grad(x.mul(x).sum(), x, { createGraph: true });
      const curvature = grad(slope.square().sum(), x);
      expect(curvature.toArray()).toEqual([8, 16]);
    });
    expect(memory().liveTensors).toBe(before);
  });

  test("a saved value that changed is refused", () => {
    const [x, w] = [leafOf([1]), leafOf([2])];
    const y = x.mul(w);
    w.detach().copy_(tensor([5]));
    expect(() => grad(y, x, { createGraph: true })).toThrow("changed in place");
  });
});

describe("backward with createGraph", () => {
  test("gives the leaves gradients with a graph, and adds to those that they have", () => {
    const x = leafOf([1, 2]);
    x.pow(3).sum().backward(undefined, { createGraph: true });
    const first = x.grad as Tensor;
    expect(first.requiresGrad).toBe(true);
    expect(grad(first.sum(), x).toArray()).toEqual([6, 12]);
    x.sum().backward(undefined, { createGraph: true });
    expect(x.grad?.toArray()).toEqual([4, 13]);
    x.grad = null;
  });

  test("the same gradient may go to several leaves", () => {
    const [a, b] = [leafOf([1]), leafOf([2])];
    a.add(b).square().sum().backward(undefined, { createGraph: true });
    expect(grad((a.grad as Tensor).sum(), b).toArray()).toEqual([2]);
    expect((b.grad as Tensor).requiresGrad).toBe(true);
    a.grad = b.grad = null;
  });

  test("a penalty on the gradient trains a layer", () => {
    const layer = new nn.Linear(2, 1, { bias: false });
    layer.weight.copy_(tensor([[3, 4]]));
    const x = ones([1, 2], { requiresGrad: true });
    const gx = grad(layer.forward(x).sum(), x, { createGraph: true });
    gx.square().sum().sqrt().sub(1).square().backward(); // (|w| - 1)²
    const [[first, second]] = (layer.weight.grad as Tensor).toArray() as number[][];
    expect(first).toBeCloseTo(2 * 4 * 0.6, 5);
    expect(second).toBeCloseTo(2 * 4 * 0.8, 5);
  });
});

describe("hooks of tensors", () => {
  test("see the complete gradient once, of leaves and of results", () => {
    const x = leafOf([1, 2]);
    const y = x.mul(2);
    const seen: (readonly [string, unknown])[] = [];
    x.registerHook((g) => void seen.push(["x", g.toArray()]));
    y.registerHook((g) => void seen.push(["y", g.toArray()]));
    y.square().add(y).add(x).sum().backward();
    expect(seen).toEqual([
      ["y", [5, 9]],
      ["x", [11, 19]],
    ]);
    expect(x.grad?.toArray()).toEqual([11, 19]);
  });

  test.each([false, true])("replace the gradient, in order, until removed; createGraph %s", (createGraph) => {
    const x = leafOf([1, 2]);
    const y = x.mul(1);
    y.registerHook((g) => g.mul(10));
    const second = y.registerHook((g) => g.add(1));
    x.registerHook((g) => g.neg());
    const run = () => grad(y.sum(), x, { createGraph, retainGraph: true }).toArray();
    expect(run()).toEqual([-11, -11]);
    second.remove();
    second.remove();
    expect(run()).toEqual([-10, -10]);
    y.sum().backward(undefined, { createGraph });
    expect(x.grad?.toArray()).toEqual([-10, -10]);
    x.grad = null;
  });

  test("a gradient that a hook keeps stays, and is not overwritten", () => {
    const x = leafOf([1, 2]);
    let seen: Tensor | undefined;
    scope(() => {
      const y = x.mul(3);
      y.registerHook((g) => void (seen = keep(g)));
      y.add(y).sum().backward();
    });
    x.sum().backward();
    expect(seen?.toArray()).toEqual([2, 2]);
    expect(x.grad?.toArray()).toEqual([7, 7]);
  });

  test("refuse a wrong shape, and tensors without gradient", () => {
    const x = leafOf([1, 2]);
    const y = x.mul(1);
    y.registerHook(() => tensor([1]));
    expect(() => y.sum().backward()).toThrow(ShapeError);
    expect(() => tensor([1]).registerHook(() => undefined)).toThrow(AutogradError);
  });
});

describe("retainGrad", () => {
  test.each([false, true])("keeps the gradient of a result and adds up; createGraph %s", (createGraph) => {
    const x = leafOf([1, 2]);
    const y = x.mul(3);
    expect(y.grad).toBeNull();
    y.retainGrad();
    y.retainGrad();
    y.square().sum().backward(undefined, { createGraph, retainGraph: true });
    expect(y.grad?.toArray()).toEqual([6, 12]);
    expect(y.grad?.requiresGrad).toBe(createGraph);
    y.sum().backward(undefined, { createGraph });
    expect(y.grad?.toArray()).toEqual([7, 13]);
    expect(x.grad?.toArray()).toEqual([21, 39]);
    x.grad = y.grad = null;
  });

  test("of a leaf changes nothing; without a graph it throws", () => {
    const x = leafOf([1, 2]);
    x.retainGrad();
    x.sum().backward();
    expect(x.grad?.toArray()).toEqual([1, 1]);
    expect(() => tensor([1]).retainGrad()).toThrow(AutogradError);
  });

  test("takes part in no memory that stays", () => {
    const x = leafOf([1, 2]);
    const before = memory().liveBytes;
    scope(() => {
      const y = x.mul(3);
      y.retainGrad();
      y.sum().backward();
    });
    x.grad = null;
    expect(memory().liveBytes).toBe(before);
  });
});

test("inferenceMode records no graph", () => {
  const x = leafOf([1, 2]);
  const y = inferenceMode(() => x.mul(2));
  expect(y.requiresGrad).toBe(false);
  expect(isGradEnabled()).toBe(true);
  expect(() => inferenceMode(3 as never)).toThrow(OptionError);
});
