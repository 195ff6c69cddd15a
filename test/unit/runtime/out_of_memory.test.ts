/**
 * Out of memory at every allocation of a training step: an error, no remaining tensors, and afterwards a step
 * with the correct bits.
 */
import { expect, test, vi } from "vitest";
import { manualSeed, memory, nn, OutOfMemoryError, optim, rand, scope, type Tensor } from "wasmgrad";

const plan = vi.hoisted(() => ({ left: Number.POSITIVE_INFINITY, made: 0 }));

vi.mock("../../../src/runtime/memory.ts", async (importOriginal) => {
  const real = await importOriginal<typeof import("../../../src/runtime/memory.ts")>();
  const { OutOfMemoryError } = await import("../../../src/errors.ts");
  return {
    ...real,
    allocate(bytes: number): number {
      plan.made++;
      if (plan.left-- === 0) throw new OutOfMemoryError("no memory for this test");
      return real.allocate(bytes);
    },
  };
});

/** A small network, its optimizer, and a step that returns the loss. */
function make(): { bits: () => string; step: () => number; release: () => void } {
  manualSeed(5);
  const model = new nn.Sequential(
    new nn.Conv2d(2, 4, { kernelSize: 3, padding: 1 }),
    new nn.GroupNorm(2, 4),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Flatten(),
    new nn.Dropout(),
    new nn.Linear(36, 5),
  );
  const optimizer = new optim.Adam(model.parameters(), { amsgrad: true });
  const [x, y] = [rand([3, 2, 6, 6]), rand([3, 5])];
  const tensors = (): Tensor[] => Object.values(model.stateDict());
  return {
    bits: () =>
      tensors()
        .map((tensor) => Buffer.from(tensor.data().buffer).toString("hex"))
        .join(),
    step() {
      manualSeed(6); // for the dropout: a failed step may already have drawn numbers
      return scope(() => {
        optimizer.zeroGrad();
        const loss = nn.functional.crossEntropy(model.forward(x), y.softmax(1)).add(model.forward(x).square().mean());
        loss.backward();
        optimizer.step();
        return loss.item();
      });
    },
    release() {
      for (const tensor of [...tensors(), x, y]) tensor.release();
    },
  };
}

test("each allocation of a step fails once", () => {
  plan.made = 0;
  const reference = make();
  const before = plan.made;
  reference.step();
  const allocations = plan.made - before;
  const expected = reference.bits();
  expect(allocations).toBeGreaterThan(50);
  for (let k = 0; k < allocations; k++) {
    const { bits, step, release } = make();
    const start = bits();
    const { liveTensors } = memory();
    plan.left = k;
    expect(step, `allocation ${k}`).toThrow(OutOfMemoryError);
    plan.left = Number.POSITIVE_INFINITY;
    // gradients and the optimizer's state may exist now, but no other tensors
    expect(memory().liveTensors - liveTensors, `tensors left by allocation ${k}`).toBeLessThanOrEqual(24);
    expect(bits() === start, `weights half changed by allocation ${k}`).toBe(true);
    step();
    expect(bits() === expected, `the step after allocation ${k} failed: the right bits`).toBe(true);
    release();
  }
  console.log(`failed at each of ${allocations} allocations`);
});
