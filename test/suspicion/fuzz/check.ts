import { type Tensor, tensor } from "wasmgrad";
import { CaseError } from "./campaign.ts";
import { sizeOf } from "./random.ts";
import { type Node, type Tape, ULP } from "./tape.ts";

/** An input of a case: a leaf with a gradient, and its nodes on the tape. */
export interface Input {
  shape: readonly number[];
  data: Float32Array;
  nodes: Node[];
}

export function makeInput(tape: Tape, shape: readonly number[], data: Float32Array): Input {
  if (data.length !== sizeOf(shape)) throw new Error(`the fuzzer made ${data.length} values for [${shape}]`);
  return { shape, data, nodes: tape.leaves(data) };
}

export const leafOf = ({ data, shape }: Input): Tensor => tensor(data, { shape: [...shape], requiresGrad: true });

/** Fails if an element differs by more than its bound. */
export function checkClose(
  what: string,
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  bounds: ArrayLike<number>,
) {
  if (actual.length !== expected.length) {
    throw new CaseError(`${what}: ${actual.length} elements, expected ${expected.length}`);
  }
  for (let i = 0; i < expected.length; i++) {
    if (Object.is(actual[i], expected[i]) || Math.abs(actual[i] - expected[i]) <= bounds[i]) continue;
    const same = Number.isNaN(expected[i]) && Number.isNaN(actual[i]);
    if (same || actual[i] === Math.fround(expected[i])) continue;
    throw new CaseError(`${what}, element ${i}: ${actual[i]}, expected ${expected[i]} within ${bounds[i]}`);
  }
}

/** Below this value, float32 has fewer digits. */
const TINY = 1e-36;

/**
 * Compares a float32 result and its gradients with the tape's.
 *
 * @param slack how many times the bound of a plain evaluation is allowed
 * @param floor an error that gradients may have, in units of the last place of the largest seed
 */
export function checkAgainst(
  what: string,
  tape: Tape,
  inputs: readonly Input[],
  outputs: readonly Node[],
  shape: readonly number[],
  run: (leaves: Tensor[]) => Tensor,
  seeds: Float32Array,
  slack: number,
  floor: number,
): void {
  const leaves = inputs.map(leafOf);
  const result = run(leaves);
  if (String(result.shape) !== String(shape)) {
    throw new CaseError(`${what}: shape [${result.shape}], expected [${shape}]`);
  }
  checkClose(
    what,
    result.data(),
    outputs.map((node) => tape.values[node]),
    outputs.map((node) => slack * ULP * tape.errors[node] + TINY),
  );
  if (!result.requiresGrad) throw new CaseError(`${what}: the result has no gradient`);
  result.backward(tensor(seeds, { shape: [...shape] }));
  const { gradients, errors } = tape.gradients(outputs, seeds);
  const largestSeed = seeds.reduce((most, seed) => Math.max(most, Math.abs(seed)), 0);
  inputs.forEach((input, i) => {
    const grad = leaves[i].grad;
    // the gradient of an input that the output does not depend on may be missing
    const actual = grad ? grad.data() : new Float32Array(input.data.length);
    if (grad && String(grad.shape) !== String(input.shape))
      throw new CaseError(`${what}: gradient ${i} of another shape`);
    // where terms of the derivative cancel, as in 1 - tanh², the error is as large as that of a larger
    // element
    const largest = input.nodes.reduce((most, node) => Math.max(most, errors[node]), floor * largestSeed);
    checkClose(
      `${what}, gradient of input ${i} [${input.shape}]`,
      actual,
      input.nodes.map((node) => gradients[node]),
      input.nodes.map((node) => slack * ULP * Math.max(errors[node], largest) + TINY),
    );
  });
}
