/** The ladder of matmul. */
import { empty, type NDArray } from "../../src/ops/core/array.ts";
import { type Attributes, type Gradients, NO_ATTRIBUTES, Op } from "../../src/ops/core/op.ts";
import { readRegion } from "../../src/ops/movement/strided.ts";
import { permuted } from "../../src/ops/movement/view.ts";
import { type KernelName, run } from "./kernels.ts";
import type { Ladder, Layer } from "./rung.ts";
import { shipped } from "./shipped.ts";

/**
 * C = A B for A [M, K] and B [K, N], or for stacks of equally many A and B. The gradients are products as
 * well: dA = dC B' and dB = A' dC.
 */
export class RungMatMul extends Op {
  readonly name = "matmul";
  readonly #kernel: KernelName;

  constructor(kernel: KernelName) {
    super();
    this.#kernel = kernel;
  }

  get attributes(): Attributes {
    return NO_ATTRIBUTES;
  }

  forward(a: NDArray, b: NDArray): NDArray {
    this.save(a, b);
    return this.#multiply(a, b);
  }

  override backward(dc: NDArray): Gradients {
    const [a, b] = this.saved as [NDArray, NDArray];
    return [
      this.needs[0] ? this.#multiply(dc, transposed(b)) : null,
      this.needs[1] ? this.#multiply(transposed(a), dc) : null,
    ];
  }

  #multiply(a: NDArray, b: NDArray): NDArray {
    const [m, depth] = a.shape.slice(-2);
    const n = b.shape.at(-1)!;
    const stack = a.shape.slice(0, -2);
    const c = empty([...stack, m, n]);
    for (let i = 0; i < (stack[0] ?? 1); i++) {
      run(
        this.#kernel,
        a.address + 4 * i * m * depth,
        b.address + 4 * i * depth * n,
        c.address + 4 * i * m * n,
        m,
        n,
        depth,
      );
    }
    return c;
  }
}

function transposed(x: NDArray): NDArray {
  const last = x.shape.length - 1;
  return readRegion(x, permuted("transpose", x.shape, [...Array(last - 1).keys(), last, last - 1]));
}

function layer(name: string, m: number, n: number, depth: number): Layer<unknown> {
  return {
    name,
    shapes: [
      [m, depth],
      [depth, n],
    ],
    options: {},
    work: 2 * m * n * depth,
  };
}

/** The rungs that are not part of the library. */
const rungs = [
  ["naive", "1_naive.ts", "matmulNaive"],
  ["loop order", "2_loop_order.ts", "matmulLoopOrder"],
  ["SIMD", "3_simd.ts", "matmulSimd"],
  ["register tile", "4_register_tile.ts", "matmulRegisterTile"],
] as const;

export const matmulLadder: Ladder<unknown> = {
  op: "matmul",
  folder: "matmul/ladder",
  readme: "matmul/README.md",
  unit: "GFLOP/s",
  passes: { forward: "forward" },
  layers: [layer("512", 512, 512, 512), layer("odd", 127, 129, 131)],
  rungs: [
    ...rungs.map(([name, file, kernel], i) => ({
      number: i + 1,
      name,
      files: [`matmul/ladder/${file}`],
      ships: false,
      passes: ["forward"],
      op: () => new RungMatMul(kernel),
    })),
    { number: 5, name: "packed and blocked", ships: true, passes: ["forward"], ...shipped.matmul },
  ],
  reference({ shapes: [[m, depth], [, n]] }, [a, b], gradient) {
    const c = new Float64Array(m * n);
    const [da, db] = [new Float64Array(a.length), new Float64Array(b.length)];
    const dc = gradient(c.length);
    for (let i = 0; i < m; i++)
      for (let k = 0; k < depth; k++)
        for (let j = 0; j < n; j++) {
          c[i * n + j] += a[i * depth + k] * b[k * n + j];
          da[i * depth + k] += dc[i * n + j] * b[k * n + j];
          db[k * n + j] += a[i * depth + k] * dc[i * n + j];
        }
    return [c, da, db];
  },
};
