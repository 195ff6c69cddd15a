/** Numbers that Python makes as well, bit for bit: see test/fixtures/pytorch_examples/example_numbers.py. */
import { type nn, type Tensor, tensor } from "wasmgrad";

const size = (shape: readonly number[]) => shape.reduce((product, length) => product * length, 1);

export class Numbers {
  #counter: number;

  constructor(seed: number) {
    this.#counter = Math.imul(seed, 0x9e3779b9) >>> 0;
  }

  /** The next number, a multiple of 2^-24 in [0, 1): a hash of a counter. */
  next(): number {
    let x = this.#counter;
    this.#counter = (x + 1) >>> 0;
    x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
    x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
    return ((x ^ (x >>> 16)) >>> 8) / 2 ** 24;
  }

  #fill(shape: readonly number[], value: () => number): Tensor {
    return tensor(Float32Array.from({ length: size(shape) }, value), { shape });
  }

  uniform(shape: readonly number[], low = 0, high = 1): Tensor {
    return this.#fill(shape, () => low + (high - low) * this.next());
  }

  /** Mean 0 and variance 1: the sum of twelve uniform numbers, less 6. Sums are exact, logarithms are not. */
  normal(shape: readonly number[]): Tensor {
    return this.#fill(shape, () => {
      let sum = -6;
      for (let i = 0; i < 12; i++) sum += this.next();
      return sum;
    });
  }

  /** int32 from 0 to `below` - 1. */
  integers(shape: readonly number[], below: number): Tensor {
    const values = Int32Array.from({ length: size(shape) }, () => Math.floor(this.next() * below));
    return tensor(values, { shape });
  }

  /**
   * Overwrites the parameters, by the order of their names: weights of fan-in n are uniform in ±1/√n, vectors
   * in ±0.1, and vectors that are weights (of norms) have 1 added. Returns the module.
   */
  fill<M extends nn.Module>(module: M): M {
    const named = module.namedParameters().sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [name, parameter] of named) {
      const { shape } = parameter;
      const middle = shape.length < 2 && name.endsWith("weight") ? 1 : 0;
      const bound = shape.length < 2 ? 0.1 : 1 / Math.sqrt(size(shape.slice(1)));
      parameter.copy_(this.uniform(shape, middle - bound, middle + bound));
    }
    return module;
  }
}
