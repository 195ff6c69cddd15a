/** The example that gives a published file a new last layer. */
import { describe, expect, test } from "vitest";
import { manualSeed, noGrad, optim, rand, randn, type Tensor, tensor } from "wasmgrad";
import { exportOnnx, importOnnx } from "wasmgrad/onnx";
import { type Mode, makeClassifier, planFor } from "../../../examples/onnx/classifier.ts";
import { accuracy, trainEpoch } from "../../../examples/onnx/fine_tune.ts";

const path = new URL("../../fixtures/onnx/torch/small_resnet.names.onnx", import.meta.url).pathname;
const SIZE = 12;

/** Batches of noise; the pictures of class 1 are redder. */
function batches(count: number): Tensor[][] {
  return Array.from({ length: count }, (_, batch) => {
    const labels = Int32Array.from({ length: 8 }, (_, i) => (i + batch) % 2);
    const red = tensor(Array.from(labels, (label) => [label, 0, 0])).reshape([8, 3, 1, 1]);
    return [randn([8, 3, SIZE, SIZE]).add(red), tensor(labels)];
  });
}

describe.each<Mode>(["tuned", "frozen", "scratch"])("%s", (mode) => {
  test("learns, and trains what it says", async () => {
    manualSeed(1);
    const plan = await planFor(path, 48);
    expect(plan.size).toEqual([SIZE, SIZE]);
    const model = await makeClassifier(path, plan, 2, mode);
    const before = (await importOnnx(path)).stateDict();
    const change = () => {
      const now = model.body.stateDict();
      const differs = (name: string) => now[name].sub(before[name]).abs().max().item() > 0;
      return { weights: differs("conv.weight"), statistics: differs("norm.running_mean") };
    };
    const [training, testing] = [batches(12), batches(6)];
    if (mode === "scratch") expect(change().weights).toBe(true);
    const trained = model.parameters().filter((parameter) => parameter.requiresGrad);
    expect(trained.length).toBe(mode === "frozen" ? 2 : 11);
    const optimizer = new optim.Adam(trained, { lr: 0.02 });
    const first = trainEpoch(model, training, optimizer);
    for (let epoch = 0; epoch < 7; epoch++) trainEpoch(model, training, optimizer);
    expect(trainEpoch(model, training, optimizer)).toBeLessThan(0.6 * first);
    expect(accuracy(model, testing)).toBeGreaterThan(0.8);
    expect(change()).toEqual({ weights: mode !== "frozen", statistics: mode !== "frozen" });
  });
});

test("the result is a file with the names of both parts", async () => {
  const model = (await makeClassifier(path, await planFor(path, SIZE), 3, "tuned")).eval();
  const again = (await importOnnx(exportOnnx(model, [rand([2, 3, SIZE, SIZE])]))).eval();
  expect(again.namedParameters().map(([name]) => name)).toEqual(
    expect.arrayContaining(["body.conv.weight", "head.weight", "head.bias"]),
  );
  const x = rand([5, 3, SIZE, SIZE]);
  const [ours, theirs] = noGrad(() => [model.forward(x), again.forward(x)]);
  expect(ours.sub(theirs).abs().max().item()).toBeLessThan(1e-5);
});
