/**
 * Without workers, and after a worker has died, a kernel runs over its whole range at once, although its
 * grain and its scratch memory were meant for chunks (src/runtime/parallel/job.ts).
 */
import { expect, test, vi } from "vitest";
import { getNumThreads, manualSeed, nn, randn, setNumThreads, type Tensor } from "wasmgrad";
import type { Kernels } from "../../../src/runtime/kernels.ts";

const whole = vi.hoisted(() => ({ launches: 0 }));

vi.mock("../../../src/runtime/kernels.ts", async (importOriginal) => {
  const { replaceLaunch } = await import("../../support/replace_launch.ts");
  return replaceLaunch(await importOriginal(), (launch, kernels) => (name, total, grain, ...args) => {
    if (!/Sequence/.test(name) || total <= grain) return launch(name, total, grain, ...args);
    whole.launches++;
    ((kernels() as Kernels)[name] as (...all: unknown[]) => void)(0, total, ...args);
  });
});

test.each(["LSTM", "GRU", "RNN"] as const)("%s: one chunk of all samples gives the same bits", (kind) => {
  manualSeed(1);
  const layer: nn.Module = new nn[kind](20, 70);
  const x = randn([6, 11, 20], { requiresGrad: true });
  const bits = (threads: number) => {
    setNumThreads(threads);
    for (const tensor of [x, ...layer.parameters()]) tensor.grad = null;
    const [output] = layer.forward(x) as [Tensor];
    output.square().sum().backward();
    return [output, ...[x, ...layer.parameters()].map(({ grad }) => grad!)].map((values) => [...values.data()]);
  };
  const before = getNumThreads();
  whole.launches = 0;
  try {
    const one = bits(1);
    expect(whole.launches).toBe(0);
    expect(bits(3)).toEqual(one);
    expect(whole.launches).toBe(2);
  } finally {
    setNumThreads(before);
  }
});
