/** The matrices of Winograd's algorithm (assembly/conv/winograd.md), and the library's products with them. */
import { type Tensor, tensor } from "wasmgrad";

export interface WinogradMatrices {
  name: string;
  /** Outputs of a tile along one side, and numbers of a patch along one side. */
  outputs: number;
  patch: number;
  /** B', G and A' of the formula y = A' [ (G g) ⊙ (B' d) ]. */
  bt: number[][];
  g: number[][];
  at: number[][];
}

export const F2: WinogradMatrices = {
  name: "F(2,3)",
  outputs: 2,
  patch: 4,
  bt: [
    [1, 0, -1, 0],
    [0, 1, 1, 0],
    [0, -1, 1, 0],
    [0, 1, 0, -1],
  ],
  g: [
    [1, 0, 0],
    [0.5, 0.5, 0.5],
    [0.5, -0.5, 0.5],
    [0, 0, 1],
  ],
  at: [
    [1, 1, 1, 0],
    [0, 1, -1, -1],
  ],
};

const s = Math.SQRT2;
/** At the points 0, 1/√2, −1/√2, √2, −√2 and ∞. */
export const F4: WinogradMatrices = {
  name: "F(4,3)",
  outputs: 4,
  patch: 6,
  bt: [
    [1, 0, -5 / 2, 0, 1, 0],
    [0, -s, -2, s / 2, 1, 0],
    [0, s, -2, -s / 2, 1, 0],
    [0, -s / 2, -1 / 2, s, 1, 0],
    [0, s / 2, -1 / 2, -s, 1, 0],
    [0, 1, 0, -5 / 2, 0, 1],
  ],
  g: [
    [1, 0, 0],
    [-2 / 3, -s / 3, -1 / 3],
    [-2 / 3, s / 3, -1 / 3],
    [1 / 6, s / 6, 1 / 3],
    [1 / 6, -s / 6, 1 / 3],
    [0, 0, 1],
  ],
  at: [
    [1, 1, 1, 1, 1, 0],
    [0, s / 2, -s / 2, s, -s, 0],
    [0, 1 / 2, 1 / 2, 2, 2, 0],
    [0, s / 4, -s / 4, 2 * s, -2 * s, 1],
  ],
};

/** Every intermediate of a tile. With one dimension, patch and kernel are columns. */
export interface WinogradSteps {
  /** B' d B, or B' d. */
  patch: number[][];
  /** G g G', or G g. */
  kernel: number[][];
  /** Their elementwise product. */
  product: number[][];
  /** A' m A, or A' m. */
  output: number[][];
}

/** Computes a tile with the library's matrix products. Call it in a scope. */
export function winogradSteps(matrices: WinogradMatrices, d: number[][], g: number[][], both: boolean): WinogradSteps {
  const transform = (matrix: number[][], x: Tensor) => {
    const m = tensor(matrix);
    const once = m.matmul(x);
    return both ? once.matmul(m.transpose(0, 1)) : once;
  };
  const patch = transform(matrices.bt, tensor(d));
  const kernel = transform(matrices.g, tensor(g));
  const product = patch.mul(kernel);
  const output = transform(matrices.at, product);
  const numbers = (x: Tensor) => x.toArray() as number[][];
  return { patch: numbers(patch), kernel: numbers(kernel), product: numbers(product), output: numbers(output) };
}
