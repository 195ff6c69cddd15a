import { expect } from "vitest";
import { type Tensor, tensor } from "wasmgrad";
import type { InputSpec, OpCase, Ref } from "../cases/case.ts";
import { expectClose } from "./compare.ts";
import { testRandom } from "./random.ts";

function draw(spec: InputSpec, random: () => number): Ref {
  const { shape, low = -2, high = 2 } = spec;
  const size = shape.reduce((a, b) => a * b, 1);
  const value = () => low + (high - low) * random();
  const data = Float64Array.from({ length: size }, (_, i) => {
    if (spec.values) return spec.values[i];
    return spec.dtype === "int32" ? Math.floor(value()) : Math.fround(value());
  });
  return { shape, data };
}

function toTensor(spec: InputSpec, ref: Ref): Tensor {
  if (spec.dtype === "int32") return tensor(Int32Array.from(ref.data), { shape: ref.shape });
  return tensor(Float32Array.from(ref.data), { shape: ref.shape, requiresGrad: spec.grad ?? true });
}

/**
 * Elements whose gradient is checked: all of a small input; of a large one (where the reference takes long)
 * some, spread from the first to the last.
 */
function checkedElements(size: number, referenceSize: number, most: number): number[] {
  const count = Math.min(size, most, Math.max(8, Math.min(64, Math.floor(20000 / referenceSize))));
  return Array.from({ length: count }, (_, i) => Math.round((i * (size - 1)) / Math.max(count - 1, 1)));
}

/** d sum(reference(inputs) * weights) / d inputs[k][i] for each i of `elements`, by central differences. */
function numericGradient(
  testCase: OpCase,
  inputs: Ref[],
  k: number,
  weights: Float64Array,
  elements: number[],
): number[] {
  const dot = (ref: Ref) => ref.data.reduce((sum, value, i) => sum + value * weights[i], 0);
  const step = 1e-5;
  return elements.map((i) => {
    const shifted = (delta: number) => {
      const data = inputs[k].data.slice();
      data[i] += delta;
      return dot(testCase.reference(...inputs.map((ref, j) => (j === k ? { shape: ref.shape, data } : ref))));
    };
    return (shifted(step) - shifted(-step)) / (2 * step);
  });
}

/**
 * Compares an op with its float64 reference: the result, and each gradient, in at most `most` elements, with
 * central differences of the reference.
 */
export function checkCase(testCase: OpCase, most = Infinity): void {
  const random = testRandom(7);
  const inputs = testCase.inputs.map((spec) => draw(spec, random));
  const tensors = testCase.inputs.map((spec, i) => toTensor(spec, inputs[i]));
  const expected = testCase.reference(...inputs);
  const result = testCase.run(...tensors);
  expect([...result.shape]).toEqual(expected.shape);
  expectClose("result", result.data(), expected.data, testCase.tolerance ?? 2e-6);
  if (!result.requiresGrad) return;
  const weights = Float64Array.from(expected.data, () => Math.fround(random() * 2 - 1));
  result.backward(tensor(Float32Array.from(weights), { shape: expected.shape }));
  tensors.forEach((x, k) => {
    if (!x.requiresGrad) return;
    const gradient = x.grad ? x.grad.data() : new Float32Array(x.numel());
    const elements = checkedElements(x.numel(), expected.data.length + x.numel(), most);
    expectClose(
      `gradient of input ${k}`,
      elements.map((i) => gradient[i]),
      numericGradient(testCase, inputs, k, weights, elements),
      testCase.gradTolerance ?? 2e-5,
    );
  });
}
