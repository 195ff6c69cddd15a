// Networks and data that are the same in PyTorch: test/fixtures/autograd/gen.py computes them by the same
// formula.
import { nn, type Tensor, tensor } from "wasmgrad";

/** `scale sin(phase + 1.7 i)` at element i. */
export function wave(shape: readonly number[], phase: number, scale = 1): Tensor {
  const size = shape.reduce((product, length) => product * length, 1);
  const values = Float32Array.from({ length: size }, (_, i) => scale * Math.sin(phase + 1.7 * i));
  return tensor(values, { shape });
}

/** Weights and biases of linear layers with these sizes. */
export function network(sizes: readonly number[], phase: number): nn.Parameter[] {
  return sizes.slice(1).flatMap((m, i) => {
    const n = sizes[i];
    return [
      new nn.Parameter(wave([m, n], phase + i, 1 / Math.sqrt(n))),
      new nn.Parameter(wave([m], phase + i + 0.5, 0.1)),
    ];
  });
}

/** Linear layers with `activation` between them. The weights need not be parameters. */
export function run(weights: readonly Tensor[], x: Tensor, activation: (x: Tensor) => Tensor): Tensor {
  let y = x;
  for (let i = 0; i < weights.length; i += 2) {
    y = nn.functional.linear(y, weights[i], weights[i + 1]);
    if (i + 2 < weights.length) y = activation(y);
  }
  return y;
}
