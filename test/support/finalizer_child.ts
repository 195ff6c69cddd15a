/**
 * Run by memory.test.ts with --expose-gc: drops tensors made outside any scope, and reports which are still
 * alive.
 */
import { keep, memory, type Tensor, tensor } from "../../src/index.ts";

function makeGarbage(): void {
  for (let i = 0; i < 100; i++) {
    const x = tensor([1, 2, 3], { requiresGrad: true });
    x.relu().sum().backward();
    keep(x.grad as Tensor);
  }
}

/** Returns only the gradient: the gradient's tensor must stay alive with it. */
function gradientOfDropped(): Tensor {
  const x = tensor([1, -2], { requiresGrad: true });
  x.relu().backward(tensor([1, 1]));
  return x.grad as Tensor;
}

const survivor = tensor([1, 2], { requiresGrad: true });
survivor.sum().backward();
makeGarbage();
const gradient = gradientOfDropped();
const madeTensors = memory().liveTensors;
for (let round = 0; round < 50 && memory().liveTensors > 4; round++) {
  (globalThis as unknown as { gc(): void }).gc();
  await new Promise((resolve) => setTimeout(resolve, 10));
}
console.log(
  JSON.stringify({
    madeTensors,
    leftTensors: memory().liveTensors,
    survivor: survivor.toArray(),
    gradient: gradient.toArray(),
  }),
);
