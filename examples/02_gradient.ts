// Lesson 2: the gradient of a scalar. backward() computes dy/dx; gradient descent finds a minimum.
// npx tsx examples/02_gradient.ts
import { noGrad, type Tensor, tensor } from "wasmgrad";

/** A valley with ripples: gradient descent leads to the nearest minimum. */
const f = (x: Tensor) => x.square().mul(0.1).add(x.sin());

const x = tensor(3, { requiresGrad: true });
f(x).backward();
const [step, at3] = [1e-2, x.grad!.item()];
const difference = noGrad(
  () =>
    f(x.add(step))
      .sub(f(x.sub(step)))
      .item() /
    (2 * step),
);
console.log(`f'(3) by backward()          ${at3.toFixed(4)}`);
console.log(`f'(3) by a small difference  ${difference.toFixed(4)}`);
console.log(`f'(3) = 0.2 x + cos x        ${(0.2 * 3 + Math.cos(3)).toFixed(4)}`);

console.log("\ndownhill from 3, with steps of -0.5 f'(x):");
for (let i = 0; i <= 12; i++) {
  x.grad = null; // backward() adds to the gradient
  const y = f(x);
  y.backward();
  const value = x.item();
  if (i % 2 === 0)
    console.log(`${" ".repeat(Math.round(8 * (value + 2)))}o  x = ${value.toFixed(3)}, f(x) = ${y.item().toFixed(4)}`);
  noGrad(() => x.copy_(x.sub(x.grad!.mul(0.5))));
}
