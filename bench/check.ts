/**
 * Checks of results: each op is checked before it is timed, because a time for a wrong result is worthless.
 */
import { type Tensor, tensor } from "wasmgrad";
import { type ConvLayer, forward, outputElement } from "./layers.ts";

/**
 * A sum in float64, and the root of the sum of its squared terms, which rounding errors are compared with.
 */
export interface Sum {
  sum: number;
  size: number;
}

const SAMPLES = 200;

/**
 * Relative to the size of a sum's terms. The largest errors come from Winograd's transforms: about 1e-6 in
 * the root mean square, and 3e-5 at worst.
 */
const TOLERANCE = 1e-4;

function demand(what: string, actual: number, { sum, size }: Sum): void {
  if (!(Math.abs(actual - sum) <= TOLERANCE * size)) {
    throw new Error(`${what}: expected ${sum}, got ${actual}: nothing is timed`);
  }
}

export function sumOf(terms: Iterable<number>): Sum {
  let sum = 0;
  let squares = 0;
  for (const term of terms) {
    sum += term;
    squares += term ** 2;
  }
  return { sum, size: Math.sqrt(squares) };
}

/** The sum of the products of the elements of a and b. */
function dot(a: Tensor, b: Tensor): Sum {
  const factors = b.data();
  return sumOf(Float64Array.from(a.data(), (value, i) => value * factors[i]));
}

/**
 * Compares elements spread over all of `values`, including the first and the last, with their expected
 * values.
 */
export function checkSamples(what: string, values: ArrayLike<number>, expected: (at: number) => Sum): void {
  const count = Math.min(SAMPLES, values.length);
  for (let s = 0; s < count; s++) {
    const at = count === 1 ? 0 : Math.floor((s * (values.length - 1)) / (count - 1));
    demand(`${what}: element ${at}`, values[at], expected(at));
  }
}

/**
 * Checks sampled elements of the output against the definition, and the gradients by adjointness: if L is
 * linear in x, <dy, L x> = <dx, x> for every x, and likewise for the weight.
 */
export function checkConv(layer: ConvLayer, input: Tensor, weight: Tensor, bias: Tensor): void {
  const output = forward(layer, input, weight, bias);
  const values = output.data();
  const operands = [input.data(), weight.data(), bias.data()];
  const [, filters, height, width] = output.shape;
  checkSamples(`${layer.name}: output`, values, (at) => {
    const index = [
      at / (filters * height * width),
      (at / (height * width)) % filters,
      (at / width) % height,
      at % width,
    ];
    return outputElement(layer, operands, index.map(Math.floor));
  });
  const gradient = tensor(
    Float32Array.from(values, (_, i) => ((i * 7919) % 101) / 50 - 1),
    { shape: output.shape },
  );
  output.backward(gradient);
  const linear = output.sub(bias.detach().reshape([1, filters, 1, 1])).detach();
  const total = dot(gradient, linear);
  for (const [name, leaf] of Object.entries({ input, weight })) {
    demand(`${layer.name}: gradient of the ${name}`, dot(leaf.grad as Tensor, leaf.detach()).sum, total);
  }
  (bias.grad as Tensor).data().forEach((value, f) => {
    demand(`${layer.name}: gradient of the bias, element ${f}`, value, sumOf(gradient.narrow(1, f, 1).data()));
  });
}
