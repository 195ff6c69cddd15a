/** Models exported from PyTorch, with its outputs and gradients: scripts/onnx/compare_torch.py --small. */
import { readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { memory, nn, noGrad, optim, rand, scope } from "wasmgrad";
import { loadSafetensors } from "wasmgrad/io";
import { importOnnx } from "wasmgrad/onnx";
import { compareWithTorch } from "../../support/onnx/torch_comparison.ts";

const folder = new URL("../../fixtures/onnx/torch/", import.meta.url).pathname;
const exports = readdirSync(folder).filter((file) => file.endsWith(".onnx"));

test("there are three architectures, each by both exporters", () => {
  const pairs = exports.map((file) => file.split(".").slice(0, 2));
  expect(new Set(pairs.map(([name]) => name))).toEqual(new Set(["small_gpt", "small_lstm", "small_resnet"]));
  expect(pairs.length).toBe(9);
});

describe.each(exports)("%s", (file) => {
  test("outputs and gradients are PyTorch's, on another batch than the traced one", async () => {
    const [name, setting] = file.split(".");
    const result = await compareWithTorch(folder + file, `${folder}${name}.safetensors`);
    expect(result.output).toBeLessThan(1e-6);
    expect(result.compared).toBeGreaterThan(1);
    expect(result.evaluation, result.worst[0]).toBeLessThan(2e-6);
    if (setting === "dynamo") return;
    // these exports keep all names
    expect(result.found).toBe(result.names);
    expect(result.compared).toBe(result.names);
    if (name === "small_resnet") expect(result.training, result.worst[0]).toBeLessThan(2e-6);
  });
});

test("running statistics have PyTorch's names, and follow the batches in training mode only", async () => {
  const model = await importOnnx(`${folder}small_resnet.names.onnx`);
  const names = model.namedBuffers().map(([name]) => name);
  expect(names).toContain("norm.running_mean");
  expect(names.length).toBe(6);
  const x = rand([4, 3, 12, 12]);
  const mean = () => model.stateDict()["norm.running_mean"].toArray();
  const before = mean();
  model.eval().forward(x);
  expect(mean()).toEqual(before);
  model.train().forward(x);
  expect(mean()).not.toEqual(before);
});

test.each(["small_resnet", "small_lstm", "small_gpt"])(
  "%s trains: the loss falls, and no tensors stay",
  async (name) => {
    const model = await importOnnx(`${folder}${name}.names.onnx`);
    const { tensors } = loadSafetensors(`${folder}${name}.safetensors`);
    const target = tensors.y.tanh();
    const optimizer = new optim.Adam(model.parameters(), { lr: 0.01 });
    const step = () =>
      scope(() => {
        const loss = nn.functional.mseLoss(model.forward(tensors.x), target);
        optimizer.zeroGrad();
        loss.backward();
        optimizer.step();
        return loss.item();
      });
    const first = step();
    step();
    const live = memory().liveTensors;
    for (let i = 0; i < 20; i++) step();
    expect(memory().liveTensors).toBe(live);
    expect(step()).toBeLessThan(first / 2);
  },
);

test("without gradients, values are released as soon as nothing reads them", async () => {
  const model = (await importOnnx(`${folder}small_gpt.names.onnx`)).eval();
  const { x } = loadSafetensors(`${folder}small_gpt.safetensors`).tensors;
  noGrad(() => {
    model.forward(x).release();
    const live = memory().liveTensors;
    const y = model.forward(x);
    // outside of all scopes, only the result remains
    expect(memory().liveTensors).toBe(live + 1);
    y.release();
  });
});
