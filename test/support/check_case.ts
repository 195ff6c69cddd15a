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
 * The elements whose gradient is checked: all elements of a small input, but only some of a large one, from
 * the first to the last, because the reference is slow.
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

/** The inputs of a case: as its reference takes them, and as tensors. */
export interface CaseInputs {
  refs: Ref[];
  tensors: Tensor[];
}

/** Draws the inputs of a case, which are the same at every call. */
export function drawInputs(testCase: OpCase, random = testRandom(7)): CaseInputs {
  const refs = testCase.inputs.map((spec) => draw(spec, random));
  return { refs, tensors: testCase.inputs.map((spec, i) => toTensor(spec, refs[i])) };
}

/**
 * Compares an op with its float64 reference: the result, and at most `most` elements of each gradient, which
 * are compared with central differences of the reference.
 */
export function checkCase(testCase: OpCase, most = Infinity): void {
  const random = testRandom(7);
  const { refs, tensors } = drawInputs(testCase, random);
  const expected = testCase.reference(...refs);
  const result = testCase.run(...tensors);
  expectShape(result.shape, expected.shape);
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
      numericGradient(testCase, refs, k, weights, elements),
      testCase.gradTolerance ?? 2e-5,
    );
  });
}

/**
 * Compares the result of a large case with its reference, which is slow: at the first, a middle and the last
 * position of the first dimension, or everywhere.
 */
export function checkSome(testCase: OpCase, { refs, tensors }: CaseInputs): void {
  const { batched, tolerance = 2e-6 } = testCase;
  const result = testCase.run(...tensors);
  const values = result.data();
  if (!batched) {
    const expected = testCase.reference(...refs);
    expectShape(result.shape, expected.shape);
    expectClose("result", values, expected.data, tolerance);
    return;
  }
  const [positions] = result.shape;
  const size = values.length / positions;
  for (const at of [0, positions >> 1, positions - 1]) {
    const expected = testCase.reference(...refs.map((ref, i) => (batched.includes(i) ? positionOf(ref, at) : ref)));
    expectShape([1, ...result.shape.slice(1)], expected.shape);
    expectClose(`result at ${at}`, values.subarray(at * size, (at + 1) * size), expected.data, tolerance);
  }
}

/** One position of the first dimension. */
function positionOf({ shape, data }: Ref, at: number): Ref {
  const size = data.length / shape[0];
  return { shape: [1, ...shape.slice(1)], data: data.subarray(at * size, (at + 1) * size) };
}

function expectShape(actual: readonly number[], expected: readonly number[]): void {
  if (actual.join() !== expected.join()) throw new Error(`result: expected shape [${expected}], got [${actual}]`);
}
