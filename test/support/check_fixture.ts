import { expect } from "vitest";
import { nn, optim, type Tensor } from "wasmgrad";
import { expectClose } from "./compare.ts";
import {
  type Fixture,
  isOpFixture,
  type ModelFixture,
  type OpFixture,
  type OptimFixture,
  toTensor,
} from "./fixture.ts";
import { fixtureOps, type Inputs } from "./fixture_ops.ts";

function checkOp(fixture: OpFixture): void {
  const op = fixtureOps[fixture.op];
  if (!op) throw new Error(`${fixture.name}: fixture_ops.ts does not know how to call "${fixture.op}"`);
  const inputs: Inputs = {};
  for (const [name, array] of Object.entries(fixture.inputs)) {
    inputs[name] = array ? toTensor(array, name in fixture.grads) : (null as unknown as Tensor);
  }
  const output = op.run(inputs, fixture.options ?? {});
  expect([...output.shape], "shape of the output").toEqual(fixture.output.shape);
  expectClose("output", output.data(), Float32Array.from(fixture.output.data), op.tolerance);
  if (Object.keys(fixture.grads).length === 0) return;
  output.backward(fixture.gradOutput ? toTensor(fixture.gradOutput) : undefined);
  for (const [name, expected] of Object.entries(fixture.grads)) {
    // PyTorch leaves out the gradient of an input that the result does not depend on
    if (expected === null) continue;
    const { grad } = inputs[name];
    expect(grad?.shape, `shape of the gradient of ${name}`).toEqual(expected.shape);
    expectClose(`gradient of ${name}`, grad?.data() ?? [], Float32Array.from(expected.data), op.tolerance);
  }
}

function checkTrajectory({ kind, options, trajectory, A, b, p0 }: OptimFixture): void {
  const [a, bias, p] = [toTensor(A), toTensor(b), toTensor(p0, true)];
  const optimizer = new optim[kind]([p], options);
  const [steps, size] = trajectory.shape;
  for (let step = 0; step < steps; step++) {
    optimizer.zeroGrad();
    p.matmul(a).matmul(p).mul(0.5).sub(bias.matmul(p)).backward();
    optimizer.step();
    expectClose(`p after step ${step + 1}`, p.data(), trajectory.data.slice(step * size, (step + 1) * size), 1e-5);
  }
}

function checkModel({ widths, lr, init, input, mask, losses, final }: ModelFixture): void {
  const [first, second] = widths;
  class Small extends nn.Module {
    encoder = new nn.Sequential(
      new nn.Conv2d(3, first, { kernelSize: 3, stride: 1, padding: 1 }),
      new nn.ReLU(),
      new nn.MaxPool2d(2, { stride: 2 }),
      new nn.Conv2d(first, second, { kernelSize: 3, stride: 1, padding: 1 }),
      new nn.ReLU(),
      new nn.MaxPool2d(2, { stride: 2 }),
    );
    decoder = new nn.Sequential(
      new nn.ConvTranspose2d(second, first, { kernelSize: 2, stride: 2 }),
      new nn.ReLU(),
      new nn.ConvTranspose2d(first, 3, { kernelSize: 2, stride: 2 }),
      new nn.Sigmoid(),
    );
    override forward(x: Tensor): Tensor {
      return this.decoder.forward(this.encoder.forward(x));
    }
  }
  const model = new Small();
  model.loadStateDict(Object.fromEntries(Object.entries(init).map(([name, array]) => [name, toTensor(array)])));
  const criterion = new nn.MSELoss();
  const optimizer = new optim.Adam(model.parameters(), { lr });
  const [x, m] = [toTensor(input), toTensor(mask)];
  losses.forEach((expected, step) => {
    const loss = criterion.forward(model.forward(x.mul(m)), x);
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    const error = Math.abs(loss.item() - expected) / expected;
    expect(error, `relative error of the loss of step ${step + 1}`).toBeLessThanOrEqual(1e-5);
  });
  for (const [name, value] of Object.entries(model.stateDict())) {
    const data = Float64Array.from(value.data());
    const { shape, sum, l2 } = final[name];
    expect(value.shape, name).toEqual(shape);
    const norm = Math.sqrt(data.reduce((total, v) => total + v * v, 0));
    expectClose(`norm of ${name}`, [norm], [l2], 1e-5);
    // terms of a sum cancel, so its error is compared with the size of its terms
    const total = data.reduce((a, b) => a + b, 0);
    expect(Math.abs(total - sum) / (norm * Math.sqrt(data.length)), `sum of ${name}`).toBeLessThanOrEqual(1e-5);
  }
}

/** Compares the library's results with PyTorch's. */
export function checkFixture(fixture: Fixture): void {
  if (isOpFixture(fixture)) checkOp(fixture);
  else if (fixture.op === "optim") checkTrajectory(fixture);
  else checkModel(fixture);
}
