import { grad, type Tensor, tensor } from "wasmgrad";
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

/** Inputs of a case, a direction for each of them, and weights of the results. */
interface SecondOrder extends CaseInputs {
  weights: Float64Array;
  directions: Float64Array[];
  /** For each input, the elements that are checked. */
  elements: number[][];
}

/** The reference's result at a distance along the directions, and by `extra` along element i of input k. */
function along({ reference }: OpCase, draw: SecondOrder, step: number, k = -1, i = 0, extra = 0): Float64Array {
  const { refs, tensors, directions } = draw;
  return reference(
    ...refs.map((ref, j) => {
      if (!tensors[j].requiresGrad) return ref;
      const data = ref.data.map((value, at) => value + step * directions[j][at]);
      if (j === k) data[i] += extra;
      return { shape: ref.shape, data };
    }),
  ).data;
}

/** The derivative of the reference's result along the directions, by central differences. */
function numericSlopes(testCase: OpCase, draw: SecondOrder, step: number): number[] {
  const behind = along(testCase, draw, -step);
  return Array.from(along(testCase, draw, step), (value, i) => (value - behind[i]) / (2 * step));
}

/** Second differences of the weighted sum of the results, along the directions and each checked element. */
function numericMixed(testCase: OpCase, draw: SecondOrder, step: number): number[][] {
  const { weights, elements } = draw;
  const dot = (data: Float64Array) => data.reduce((sum, value, i) => sum + value * weights[i], 0);
  return elements.map((list, k) =>
    list.map((i) => {
      const at = (distance: number, extra: number) => dot(along(testCase, draw, distance, k, i, extra));
      return (at(step, step) - at(-step, step) - (at(step, -step) - at(-step, -step))) / (4 * step * step);
    }),
  );
}

const agree = (a: readonly number[], b: readonly number[]) =>
  a.every((value, i) => !(Math.abs(value - b[i]) > 1e-3 * Math.max(1, Math.abs(value))));

/** What was found for a reference, by its case's name and inputs: variants of a case share it. */
const known = new Map<string, { draw: SecondOrder; expected: number[][] }>();

/**
 * Draws inputs and directions around which the reference is smooth: differences over steps of two sizes
 * agree.
 */
function drawSmooth(testCase: OpCase): { draw: SecondOrder; expected: number[][] } {
  // cases that differ only in the algorithm that computes the result
  const key = JSON.stringify([testCase.name.replace(/ (by \w+|packed)\b/, ""), testCase.inputs]);
  const found = known.get(key) ?? findSmooth(testCase);
  known.set(key, found);
  return found;
}

function findSmooth(testCase: OpCase): { draw: SecondOrder; expected: number[][] } {
  for (let seed = 11; seed < 19; seed++) {
    const random = testRandom(seed);
    const inputs = drawInputs(testCase, random);
    const draws = (size: number) => Float64Array.from({ length: size }, () => Math.fround(random() * 2 - 1));
    const weights = draws(testCase.reference(...inputs.refs).data.length);
    const directions = inputs.tensors.map((x) => (x.requiresGrad ? draws(x.numel()) : new Float64Array(x.numel())));
    const elements = inputs.tensors.map((x) => {
      const most = Math.max(1, Math.min(8, Math.floor(1e6 / Math.max(testCase.flops ?? 0, 200 * weights.length))));
      return x.requiresGrad ? checkedElements(x.numel(), weights.length + x.numel(), most) : [];
    });
    const draw = { ...inputs, weights, directions, elements };
    const slopes = numericSlopes(testCase, draw, 1e-5);
    // many kinks show here, at a small part of the work
    if (!agree(slopes, numericSlopes(testCase, draw, 5e-6))) continue;
    const mixed = numericMixed(testCase, draw, 1e-4);
    const again = numericMixed(testCase, draw, 5e-5);
    if (mixed.every((list, k) => agree(list, again[k]))) return { draw, expected: [slopes, ...mixed] };
  }
  throw new Error("the reference has a kink near the values of each draw");
}

/** Whether the result of a case has elements and a gradient. */
export function hasGradient(testCase: OpCase): boolean {
  const result = testCase.run(...drawInputs(testCase).tensors);
  return result.requiresGrad && result.numel() > 0;
}

/**
 * Compares gradients of gradients with the float64 reference. L is the sum of the results, weighted by `w`,
 * and u a direction for each input. The sum of all dL/dx · u, computed with `createGraph`, is differentiated
 * with respect to w, which gives the derivative of the result along u, and with respect to each input.
 */
export function checkSecondOrder(testCase: OpCase): void {
  if (!hasGradient(testCase)) return;
  const { draw, expected } = drawSmooth(testCase);
  const { tensors, weights, directions, elements } = draw;
  const result = testCase.run(...tensors);
  const inputs = tensors.filter((x) => x.requiresGrad);
  const w = tensor(Float32Array.from(weights), { shape: result.shape, requiresGrad: true });
  const gradients = grad(result, inputs, { createGraph: true, gradOutputs: w, allowUnused: true });
  const terms = inputs.flatMap((x, i) => {
    const u = tensor(Float32Array.from(directions[tensors.indexOf(x)]), { shape: x.shape });
    const gradient = gradients[i];
    return gradient ? [gradient.mul(u).sum()] : [];
  });
  const total = terms.reduce((sum, term) => sum.add(term));
  const [ofWeights, ...ofInputs] = grad(total, [w, ...inputs], { allowUnused: true });
  const tolerance = testCase.secondTolerance ?? 1e-4;
  const along = ofWeights?.data() ?? new Float32Array(weights.length);
  expectClose("derivative along the directions", along, expected[0], tolerance);
  tensors.forEach((x, k) => {
    if (!x.requiresGrad) return;
    const actual = ofInputs[inputs.indexOf(x)]?.data() ?? new Float32Array(x.numel());
    const found = elements[k].map((i) => actual[i]);
    expectClose(`second-order gradient of input ${k}`, found, expected[k + 1], tolerance);
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
