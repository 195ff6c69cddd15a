/** The ladder of softmax. */
import { emptyLike, type NDArray, normalizeDim } from "../../src/ops/core/array.ts";
import { type AxisView, axisView } from "../../src/ops/core/axis.ts";
import { type Attributes, type Gradients, NO_ATTRIBUTES, Op } from "../../src/ops/core/op.ts";
import { run } from "./kernels.ts";
import type { Ladder, Layer } from "./rung.ts";
import { shipped } from "./shipped.ts";

export interface SoftmaxOptions {
  dim: number;
  /** Whether the logarithm is computed. */
  log: boolean;
}

class RungSoftmax extends Op {
  readonly name = "softmax";
  readonly #rung: "Naive" | "Simd";
  readonly #options: SoftmaxOptions;
  #axis: AxisView = { outer: 0, length: 0, inner: 0 };

  constructor(rung: "Naive" | "Simd", options: SoftmaxOptions) {
    super();
    this.#rung = rung;
    this.#options = options;
  }

  get attributes(): Attributes {
    return NO_ATTRIBUTES;
  }

  forward(x: NDArray): NDArray {
    this.#axis = axisView(x.shape, normalizeDim(this.name, this.#options.dim, x.shape.length));
    const y = emptyLike(x);
    if (x.size > 0) run(`softmax${this.#rung}`, x.address, y.address, ...this.#sizes());
    this.save(y);
    return y;
  }

  override backward(dy: NDArray): Gradients {
    const [y] = this.saved as [NDArray];
    const dx = emptyLike(y);
    if (y.size > 0) run(`softmaxGrad${this.#rung}`, y.address, dy.address, dx.address, ...this.#sizes());
    return [dx];
  }

  #sizes(): number[] {
    const { outer, length, inner } = this.#axis;
    return [outer, length, inner, Number(this.#options.log)];
  }
}

function layer(name: string, x: number[], dim: number): Layer<SoftmaxOptions> {
  return { name, shapes: [x], options: { dim, log: false }, work: 8 * x.reduce((a, b) => a * b) };
}

export const softmaxLadder: Ladder<SoftmaxOptions> = {
  op: "softmax",
  folder: "loss/ladder",
  readme: "loss/README.md",
  unit: "GB/s",
  passes: { forward: "forward", gradInput: 0 },
  // not layers of the autoencoder: the rows of an attention over 256 positions, and the classes of a large
  // classifier
  layers: [layer("attention", [1024, 256], 1), layer("classes", [64, 1000], 1), layer("odd", [7, 33, 5], 1)],
  rungs: [
    ...(["Naive", "Simd"] as const).map((rung, i) => ({
      number: i + 1,
      name: ["naive", "SIMD"][i],
      files: [`loss/ladder/${["1_naive", "2_simd"][i]}.ts`],
      ships: false,
      passes: ["forward", "gradInput"],
      op: (options: SoftmaxOptions) => new RungSoftmax(rung, options),
    })),
    { number: 3, name: "accurate sums", ships: true, passes: ["forward", "gradInput"], ...shipped.softmax },
  ],
  reference({ shapes, options }, [x], gradient) {
    const { outer, length, inner } = axisView(shapes[0], options.dim);
    const y = new Float64Array(x.length);
    const dx = new Float64Array(x.length);
    const dy = gradient(x.length);
    for (let row = 0; row < outer * inner; row++) {
      const at = (k: number) => (Math.floor(row / inner) * length + k) * inner + (row % inner);
      const indices = Array.from({ length }, (_, k) => at(k));
      const largest = Math.max(...indices.map((i) => x[i]));
      const sum = indices.reduce((total, i) => total + Math.exp(x[i] - largest), 0);
      for (const i of indices) y[i] = Math.exp(x[i] - largest) / sum;
      const share = indices.reduce((total, i) => total + dy[i] * y[i], 0);
      for (const i of indices) dx[i] = y[i] * (dy[i] - share);
    }
    return [y, dx];
  },
};
