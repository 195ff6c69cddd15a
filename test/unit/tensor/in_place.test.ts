/** Methods that work in place: values, gradients, and the cases in which a gradient would be wrong. */
import { describe, expect, test } from "vitest";
import { AutogradError, DTypeError, manualSeed, noGrad, ones, ShapeError, tensor, zeros } from "wasmgrad";

describe("values", () => {
  test("arithmetic", () => {
    const x = tensor([1, 2, 4]);
    expect(x.add_(1).toArray()).toEqual([2, 3, 5]);
    expect(x.sub_(tensor([1, 1, 1]), { alpha: 2 }).toArray()).toEqual([0, 1, 3]);
    expect(x.mul_(4).div_(2).toArray()).toEqual([0, 2, 6]);
    expect(x.clamp_({ min: 1, max: 5 }).toArray()).toEqual([1, 2, 5]);
    expect(x.maskedFill_(x.gt(4), -1).toArray()).toEqual([1, 2, -1]);
    expect(x.addcmul_(ones([3]), x, { value: 2 }).toArray()).toEqual([3, 6, -3]);
    expect(x.addcdiv_(x, tensor([3, 6, -3])).toArray()).toEqual([4, 7, -2]);
    expect(x.lerp_(zeros([3]), 0.5).toArray()).toEqual([2, 3.5, -1]);
    expect(x.fill_(7).toArray()).toEqual([7, 7, 7]);
    expect(x.zero_().toArray()).toEqual([0, 0, 0]);
  });

  test("int32 stays int32", () => {
    const x = tensor([1, 2], { dtype: "int32" });
    expect(x.add_(1).dtype).toBe("int32");
    expect(() => x.add_(0.5)).toThrow(DTypeError);
    expect(() => x.div_(2)).toThrow(DTypeError);
    expect(x.toArray()).toEqual([2, 3]);
  });

  test("tensors that share the memory see the change", () => {
    const x = ones([4]);
    const view = x.reshape([2, 2]);
    x.add_(1);
    expect(view.toArray()).toEqual([
      [2, 2],
      [2, 2],
    ]);
  });

  test("a result of another shape is refused", () => {
    expect(() => ones([2]).add_(ones([3, 2]))).toThrow(ShapeError);
  });

  test("setAt overwrites the part that at reads", () => {
    const x = zeros([3, 4]);
    x.setAt([1], 5)
      .setAt([":", [0, 3]], tensor([1, 2]))
      .setAt(["::-2", 1], tensor([7, 8]));
    expect(x.toArray()).toEqual([
      [1, 8, 0, 2],
      [1, 5, 5, 2],
      [1, 7, 0, 2],
    ]);
    x.setAt([x.gt(4)], 0);
    expect(x.sum().item()).toBe(9);
  });
});

describe("gradients", () => {
  test("flow through a changed tensor", () => {
    const w = tensor([1, 2, 3], { requiresGrad: true });
    const x = w.mul(2);
    x.add_(1).mul_(w);
    x.sum().backward();
    expect(w.grad?.toArray()).toEqual([5, 9, 13]); // (2 w + 1) w
  });

  test("flow into the operand", () => {
    const w = tensor([1, 2], { requiresGrad: true });
    const x = zeros([2]);
    x.add_(w, { alpha: 3 });
    x.sum().backward();
    expect(w.grad?.toArray()).toEqual([3, 3]);
  });

  test("flow through setAt", () => {
    const w = tensor([1, 2, 3], { requiresGrad: true });
    const value = tensor(5, { requiresGrad: true });
    const x = w.mul(2);
    x.setAt(["1:"], value);
    x.mul(tensor([1, 10, 100]))
      .sum()
      .backward();
    expect(w.grad?.toArray()).toEqual([2, 0, 0]);
    expect(value.grad?.item()).toBe(110);
  });

  test("a leaf that requires a gradient is changed in noGrad only", () => {
    const w = tensor([1, 2], { requiresGrad: true });
    expect(() => w.add_(1)).toThrow(AutogradError);
    noGrad(() => w.add_(1));
    expect(w.toArray()).toEqual([2, 3]);
    expect(w.isLeaf).toBe(true);
  });

  test("a saved value that was changed is noticed", () => {
    const w = tensor([1, 2], { requiresGrad: true });
    const y = w.exp();
    expect(() => y.add_(1)).toThrow(AutogradError); // exp saved y
    noGrad(() => y.add_(1));
    expect(() => y.sum().backward()).toThrow(/changed in place/);
  });
});

test("random numbers in place", () => {
  manualSeed(1);
  const x = zeros([20000]).exponential_(2);
  expect(x.min().item()).toBeGreaterThan(0);
  expect(Math.abs(x.mean().item() - 0.5)).toBeLessThan(0.02);
  x.bernoulli_(0.25);
  expect(x.unique().toArray()).toEqual([0, 1]);
  expect(Math.abs(x.mean().item() - 0.25)).toBeLessThan(0.02);
});
