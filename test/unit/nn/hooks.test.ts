/** Hooks of modules. */
import { expect, test } from "vitest";
import { grad, nn, ones, type Tensor, tensor } from "wasmgrad";

class Product extends nn.Module {
  forward(x: Tensor, y: Tensor): Tensor {
    return x.mul(y);
  }
}

test("forward hooks see and replace inputs and outputs, in order, until removed", () => {
  const layer = new nn.Identity();
  const seen: unknown[] = [];
  const pre = layer.registerForwardPreHook((module, inputs) => {
    seen.push(module === layer, (inputs[0] as Tensor).toArray());
    return [(inputs[0] as Tensor).add(1)];
  });
  const post = layer.registerForwardHook((_module, inputs, output) => {
    seen.push((inputs[0] as Tensor).toArray());
    return (output as Tensor).mul(10);
  });
  expect(layer.forward(tensor([1])).toArray()).toEqual([20]);
  expect(seen).toEqual([true, [1], [2]]);
  pre.remove();
  expect(layer.forward(tensor([1])).toArray()).toEqual([10]);
  post.remove();
  expect(layer.forward(tensor([1])).toArray()).toEqual([1]);
  expect(Object.keys(layer)).not.toContain("forward");
  expect(layer.forward).toBe(nn.Identity.prototype.forward);
});

test("a module with hooks is not fused, and has the same state", () => {
  const model = new nn.Sequential(
    new nn.Conv2d(1, 2, { kernelSize: 3, padding: 1 }),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
  );
  const x = ones([1, 1, 4, 4]);
  const expected = model.forward(x).toArray();
  const names = Object.keys(model.stateDict());
  const shapes: unknown[] = [];
  for (const module of model.children()) {
    module.registerForwardHook((_module, _inputs, output) => void shapes.push((output as Tensor).shape));
  }
  expect(model.forward(x).toArray()).toEqual(expected);
  expect(shapes).toEqual([
    [1, 2, 4, 4],
    [1, 2, 4, 4],
    [1, 2, 2, 2],
  ]);
  expect(Object.keys(model.stateDict())).toEqual(names);
});

test.each([false, true])("backward hooks see and replace gradients; createGraph %s", (createGraph) => {
  const product = new Product();
  const seen: unknown[] = [];
  const hook = product.registerFullBackwardHook((_module, gradInputs, gradOutputs) => {
    seen.push([gradInputs, gradOutputs].map((list) => list.map((g) => g?.toArray() ?? null)));
    return [gradInputs[0]?.mul(2) ?? null, null];
  });
  const [x, y] = [tensor([1, 2], { requiresGrad: true }), tensor([3, 4], { requiresGrad: true })];
  const run = () => grad(product.forward(x, y).mul(5).sum(), [x, y], { createGraph }).map((g) => g.toArray());
  expect(run()).toEqual([
    [30, 40],
    [5, 10],
  ]);
  expect(seen).toEqual([
    [
      [
        [15, 20],
        [5, 10],
      ],
      [[5, 5]],
    ],
  ]);
  hook.remove();
  expect(run()).toEqual([
    [15, 20],
    [5, 10],
  ]);
});

test("a backward hook runs where no input needs a gradient", () => {
  const layer = new nn.Linear(2, 1);
  const seen: unknown[] = [];
  layer.registerFullBackwardHook((_module, gradInputs, gradOutputs) => {
    expect(gradInputs).toEqual([null]);
    seen.push(gradInputs.length, gradOutputs[0]?.toArray());
  });
  layer
    .forward(ones([1, 2]))
    .sum()
    .backward();
  expect(seen).toEqual([1, [[1]]]);
  expect(layer.weight.grad?.toArray()).toEqual([[1, 1]]);
});
