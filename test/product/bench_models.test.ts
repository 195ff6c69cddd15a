/** The networks of bench/models compute what PyTorch computes: nothing else of them is timed. */
import { describe, expect, test } from "vitest";
import { scope } from "wasmgrad";
import { compareModels, findModel, type ModelValues, models, TINY_BATCH } from "../../bench/models/index.ts";
import { checkedModel } from "../../bench/models/recorded.ts";

describe("outputs, losses and gradients are PyTorch's", () => {
  test.each(models.map((model) => [model.label, model] as const))("%s", (_label, model) => {
    scope(() => void checkedModel(model, TINY_BATCH));
  });
});

describe("values are compared", () => {
  const right: ModelValues = { output: [0.5, -1], losses: [2, 1.5], gradients: [3, 1] };

  test("rounding passes, and is reported", () => {
    expect(compareModels("net", right, { ...right, losses: [2.0002, 1.5] })).toBeCloseTo(1e-4, 8);
  });

  test.each<[keyof ModelValues, number[]]>([
    ["output", [0.5, -1.001]],
    ["losses", [2, 1.52]],
    ["losses", [2, Number.NaN]],
    ["gradients", [3, 1.1]],
    ["gradients", [3]],
  ])("wrong %s %j", (part, values) => {
    expect(() => compareModels("net", right, { ...right, [part]: values })).toThrow(`wrong ${part} of net`);
  });

  test("an unknown network is an error with the known ones", () => {
    expect(() => findModel("alexnet")).toThrow(/no model "alexnet", only resnet18,unet/);
  });
});
