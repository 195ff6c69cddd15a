/**
 * Weights and optimizer states to PyTorch and back, against files that PyTorch wrote (see gen.py beside
 * them). There, PyTorch also loaded our files and took further steps.
 */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { optim, scope, type Tensor, tensor } from "wasmgrad";
import {
  loadSafetensors,
  optimizerFromPyTorch,
  optimizerToPyTorch,
  type StoredDType,
  writeSafetensors,
  writeSafetensorsBlob,
} from "wasmgrad/io";
import { fixture, makeModel, OPTIMIZERS, STEPS, train } from "../../support/optimizer_files.ts";

/** The largest difference between a model's state and a file, relative to the file's largest value. */
function error(state: Record<string, Tensor>, file: Record<string, Tensor>): number {
  expect(Object.keys(state).sort()).toEqual(Object.keys(file).sort());
  return Math.max(
    ...Object.keys(file).map((name) => {
      const [actual, expected] = [Array.from(state[name].data()), Array.from(file[name].data())];
      const scale = Math.max(...expected.map(Math.abs));
      return Math.max(...expected.map((value, i) => Math.abs(value - actual[i]))) / scale;
    }),
  );
}

describe.each(Object.entries(OPTIMIZERS))("%s", (name, makeOptimizer) => {
  test("a run that PyTorch began goes on here", () =>
    scope(() => {
      const model = makeModel(`${name}.model`);
      const optimizer = makeOptimizer(model.parameters());
      const file = loadSafetensors(fixture(`${name}.optimizer`));
      optimizer.loadStateDict(optimizerFromPyTorch(file));
      train(model, optimizer, STEPS);
      const final = loadSafetensors(fixture(`${name}.final`)).tensors;
      expect(error(model.stateDict(), final)).toBeLessThan(2e-6);
      // without the state, the weights differ
      const without = makeModel(`${name}.model`);
      train(without, makeOptimizer(without.parameters()), STEPS);
      expect(error(without.stateDict(), final)).toBeGreaterThan(1e-3);
    }));

  test("a run that began here went on in PyTorch", () =>
    scope(() => {
      const model = makeModel("initial");
      const optimizer = makeOptimizer(model.parameters());
      train(model, optimizer, 0);
      const { tensors, metadata } = optimizerToPyTorch(optimizer.stateDict());
      // these are the bytes that PyTorch loaded
      expect(writeSafetensors(model.stateDict())).toEqual(bytesOf(`ours.${name}.model`));
      expect(writeSafetensors(tensors, { metadata })).toEqual(bytesOf(`ours.${name}.optimizer`));
      train(model, optimizer, STEPS);
      expect(error(model.stateDict(), loadSafetensors(fixture(`ours.${name}.final`)).tensors)).toBeLessThan(2e-6);
    }));

  test("there and back, the state is the same", () =>
    scope(() => {
      const model = makeModel("initial");
      const optimizer = makeOptimizer(model.parameters());
      train(model, optimizer, 0);
      const before = optimizer.stateDict();
      const after = optimizerFromPyTorch(optimizerToPyTorch(before));
      expect(after.paramGroups).toEqual(before.paramGroups);
      expect(Object.keys(after.state)).toEqual(Object.keys(before.state));
      expect(after.state[0].step).toBe(before.state[0].step);
    }));
});

const bytesOf = (name: string) => new Uint8Array(readFileSync(fixture(name)));

test("a learning rate that a scheduler began with keeps its name", () => {
  const parameters = [tensor([1], { requiresGrad: true })];
  const optimizer = new optim.SGD(parameters, { lr: 0.5 });
  new optim.ExponentialLR(optimizer, { gamma: 0.5 });
  const { tensors, metadata } = optimizerToPyTorch(optimizer.stateDict());
  expect(JSON.parse(metadata.param_groups)[0].initial_lr).toBe(0.5);
  expect(optimizerFromPyTorch({ tensors, metadata }).paramGroups[0].initialLr).toBe(0.5);
});

test("files that hold something else are refused", () => {
  const groups = { param_groups: "[]" };
  expect(() => optimizerToPyTorch({} as never)).toThrow(/expected the result of an optimizer's stateDict/);
  expect(() => optimizerFromPyTorch({ tensors: {}, metadata: {} })).toThrow(/the groups as JSON/);
  expect(() => optimizerFromPyTorch({ tensors: {}, metadata: { param_groups: "{}" } })).toThrow(/array of objects/);
  expect(() => optimizerFromPyTorch({ tensors: { "encoder.weight": tensor(1) }, metadata: groups })).toThrow(
    'expected tensors such as "0.exp_avg", got "encoder.weight"',
  );
});

describe("types of elements", () => {
  const original = loadSafetensors(fixture("types.float32")).tensors;

  test.each<StoredDType>(["float16", "bfloat16", "float64", "int64"])("%s: the bytes of PyTorch", (dtype) => {
    const bytes = writeSafetensors(original, { dtype });
    expect(bytes).toEqual(bytesOf(`types.${dtype}`));
  });

  test("a function chooses for each tensor; the order is the reference implementation's", async () => {
    const { values, counts, mask } = original;
    const types: Record<string, StoredDType> = { a: "float16", b: "bfloat16", c: "float64", d: "int64" };
    const tensors = { a: values, b: values, c: values, d: counts, e: counts, f: values, g: mask };
    const bytes = writeSafetensors(tensors, { dtype: (name) => types[name] });
    expect(bytes).toEqual(bytesOf("types.mixed"));
    const blob = writeSafetensorsBlob(tensors, { dtype: (name) => types[name] });
    expect(new Uint8Array(await blob.arrayBuffer())).toEqual(bytes);
  });

  test("every half is read and written", () => {
    const halves = Float32Array.from({ length: 2 ** 16 }, (_, bits) => halfOf(bits)).filter(Number.isFinite);
    const bytes = writeSafetensors({ x: tensor(halves) }, { dtype: "float16" });
    expect(Array.from(new Uint16Array(bytes.slice(-2 * halves.length).buffer))).toEqual(
      Array.from({ length: 2 ** 16 }, (_, bits) => bits).filter((bits) => Number.isFinite(halfOf(bits))),
    );
  });

  test("an element that does not fit, and a type that does not suit, are named", () => {
    const large = { big: tensor([1, 70000]) };
    expect(() => writeSafetensors(large, { dtype: "float16" })).toThrow('tensor "big": 70000 does not fit float16');
    expect(() => writeSafetensors(large, { dtype: () => "int64" })).toThrow(
      'dtype of "big", a float32 tensor, expected float64, float32, bfloat16, float16, got "int64"',
    );
    expect(() => writeSafetensors(large, { dtype: "half" as never })).toThrow('got "half"');
  });
});

/** The value of a half by the definition of IEEE 754. */
function halfOf(bits: number): number {
  const [sign, exponent, fraction] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  if (exponent === 31) return fraction ? Number.NaN : sign * Infinity;
  return sign * (exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : (fraction / 1024) * 2 ** -14);
}
