/**
 * Gradients of ONNX's operators, on the models of the onnx package's tests: the derivative of a random
 * combination of the outputs, along random directions, against a central difference.
 */
import { expect, test } from "vitest";
import { noGrad, scope, type Tensor, tensor } from "../../../src/index.ts";
import type { Value } from "../../../src/onnx/host_value.ts";
import { isDrawn, type NodeTest, readNodeTests, type TestTensor, toValue } from "../../support/onnx/node_tests.ts";
import { importTest, runNodeTest } from "../../support/onnx/run_node_test.ts";

/** Numbers in [-1, 1), the same in each run. */
function numbers(count: number, seed: number): number[] {
  let state = seed;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return state / 2 ** 31;
  });
}

const isTensor = (value: Value | undefined): value is Tensor => value !== undefined && "requiresGrad" in value;

/** Weights of the outputs that are finite float32. */
function weightsOf(outputs: readonly (Value | undefined)[]): (number[] | null)[] {
  return outputs.map((y, i) => {
    if (!isTensor(y) || y.dtype !== "float32") return null;
    const finite = Array.from(y.detach().data(), (v) => Math.abs(v) < 1e30);
    return numbers(y.numel(), i + 1).map((w, k) => (finite[k] ? w : 0));
  });
}

/** The combination of outputs, in float64, and how large its terms are. */
function combine(outputs: readonly (Value | undefined)[], weights: readonly (number[] | null)[]): [number, number] {
  let [sum, size] = [0, 0];
  outputs.forEach((y, i) => {
    const own = weights[i];
    if (!own || !isTensor(y)) return;
    y.detach()
      .data()
      .forEach((v, k) => {
        if (own[k] === 0) return;
        sum += own[k] * v;
        size += Math.abs(own[k] * v);
      });
  });
  return [sum, size];
}

const STEP = 2 ** -9;

/**
 * What is wrong with a test's gradients; null if nothing is, undefined if no float input reaches a float
 * output.
 */
async function checkGradients(given: NodeTest): Promise<string | null | undefined> {
  const model = await importTest(given);
  const fault = scope(() => {
    const inputs = given.inputs.map((x) => toValue(x));
    for (const x of inputs) if (isTensor(x) && x.dtype === "float32" && x.numel() > 0) x.requiresGrad = true;
    const outputs = model.evaluate(inputs);
    const weights = weightsOf(outputs);
    const terms = outputs.flatMap((y, i) => {
      if (!isTensor(y) || !y.requiresGrad || !weights[i]?.some((w) => w !== 0)) return [];
      const w = tensor(Float32Array.from(weights[i] as number[]), { shape: [...y.shape] });
      return [y.where(w.ne(0), 0).mul(w).sum()];
    });
    if (terms.length === 0) return undefined;
    terms.reduce((a, b) => a.add(b)).backward();
    const gradients = inputs.map((x) => (isTensor(x) && x.grad ? Array.from(x.grad.data()) : null));
    if (gradients.some((g) => g?.some((v) => !Number.isFinite(v)))) return "a gradient is not finite";
    if (matches(given, NOT_COMPARED)) return null;
    const directions = gradients.map((g, i) => g && numbers(g.length, 77 + i));
    let [expected, squares] = [0, 0];
    gradients.forEach((g, i) => {
      g?.forEach((v, k) => {
        const change = v * (directions[i] as number[])[k];
        expected += change;
        squares += change * change;
      });
    });
    const moved = (sign: number) =>
      noGrad(() => {
        const shifted = given.inputs.map((x, i): TestTensor => {
          const direction = directions[i];
          return direction ? { ...x, data: x.data.map((v, k) => v + sign * STEP * direction[k]) } : x;
        });
        return combine(model.evaluate(shifted.map((x) => toValue(x))), weights);
      });
    const [[above, size], [below]] = [moved(1), moved(-1)];
    const actual = (above - below) / (2 * STEP);
    const allowed = 0.02 * Math.sqrt(squares) + 0.002 * Math.abs(expected) + (4e-7 * size) / STEP + 1e-5;
    return Math.abs(actual - expected) <= allowed ? null : `${actual} by differences, ${expected} by backward()`;
  });
  model.release();
  return fault;
}

/** Tests where a central difference is not the derivative: gradients are only checked to be finite. */
const NOT_COMPARED: readonly RegExp[] = [
  // at a kink or a step, or between equal elements
  /^test_(elu|leakyrelu|selu|thresholdedrelu)_example/,
  /^test_(floor_example|round|sign)$/,
  /^test_gridsample_(aligncorners_true|bilinear|nearest|volumetric)/,
  /^test_maxpool_(2d_strides|3d_dilations)/,
  /^test_reduce_min_default_axes_keepdims_example$/,
  // a vector of zeros is normalized
  /^test_l2normalization_axis_0$/,
  // the step is smaller than what float32 resolves
  /^test_(log)?softmax_large_number/,
  // a step makes a negative base of a power, or changes how many elements are equal
  /^test_pow$/,
  /^test_unique_/,
];

/** Tests where the derivative is infinite or does not exist. */
const NOT_FINITE: readonly RegExp[] = [
  // at 1
  /^test_acosh_example$/,
  // the softmax of a row of -Infinity; the operator itself, which is not expanded, has a gradient of 0 there
  /^test_attention_.*(fullymasked|structural_empty|causal_boolmask_nan|window_gqa_rank4_mask).*_expanded$/,
  // the remainder of a division by infinity
  /^test_mod_float_edge_cases_fmod_0_float32$/,
];

const matches = ({ name }: NodeTest, patterns: readonly RegExp[]) => patterns.some((pattern) => pattern.test(name));

test("gradients of all operators with float inputs and outputs", async () => {
  const faults: string[] = [];
  const seen = new Set<string>();
  for (const given of readNodeTests()) {
    if (isDrawn(given) || matches(given, NOT_FINITE)) continue;
    if ((await runNodeTest(given)).result !== "passed") continue;
    const fault = await checkGradients(given);
    if (fault === undefined) continue;
    seen.add(given.operator);
    if (fault) faults.push(`${given.name}: ${fault}`);
  }
  expect(faults).toEqual([]);
  expect(seen.size).toBeGreaterThanOrEqual(120);
});
