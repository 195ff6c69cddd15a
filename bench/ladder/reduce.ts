/** The ladder of sum. */
import { empty, type NDArray, zeros } from "../../src/ops/core/array.ts";
import { checkDims, type Dims, reducedShape, reductionAxes } from "../../src/ops/core/axis.ts";
import { type Attributes, type Gradients, NO_ATTRIBUTES, Op } from "../../src/ops/core/op.ts";
import { repeatAlong } from "../../src/ops/reduce/sum.ts";
import { run } from "./kernels.ts";
import type { Ladder, Layer } from "./rung.ts";
import { shipped } from "./shipped.ts";

export interface SumOptions {
  dim?: number | number[];
  keepdim?: boolean;
}

/**
 * Sums over dimensions, one group of neighbouring dimensions after the other. The gradient, a repetition, is
 * the library's.
 */
class RungSum extends Op {
  readonly name = "sum";
  readonly #kernel: "sumNaive" | "sumSimd";
  readonly #options: SumOptions;
  #shape: readonly number[] = [];
  #reduced: boolean[] = [];

  constructor(kernel: "sumNaive" | "sumSimd", options: SumOptions) {
    super();
    this.#kernel = kernel;
    this.#options = options;
  }

  get attributes(): Attributes {
    return NO_ATTRIBUTES;
  }

  forward(x: NDArray): NDArray {
    this.#shape = x.shape;
    this.#reduced = checkDims(this.name, this.#options.dim as Dims, x.shape.length);
    const shape = reducedShape(x.shape, this.#reduced, this.#options.keepdim ?? false);
    if (x.size === 0) return zeros(shape);
    let from = x;
    const axes = reductionAxes(x.shape, this.#reduced);
    for (const { outer, length, inner } of axes.length > 0 ? axes : [{ outer: 1, length: 1, inner: x.size }]) {
      const to = empty([outer * inner]);
      run(this.#kernel, from.address, to.address, outer, length, inner);
      from = to;
    }
    return from.withShape(shape);
  }

  override backward(dy: NDArray): Gradients {
    return [repeatAlong(dy, this.#shape, this.#reduced)];
  }
}

function layer(name: string, x: number[], dim?: number[]): Layer<SumOptions> {
  const kept = x.filter((_, d) => dim !== undefined && !dim.includes(d));
  const size = (shape: number[]) => shape.reduce((a, b) => a * b, 1);
  return { name, shapes: [x], options: { dim }, work: 4 * (size(x) + size(kept)) };
}

export const sumLadder: Ladder<SumOptions> = {
  op: "sum",
  folder: "reduce/ladder",
  readme: "reduce/README.md",
  unit: "GB/s",
  passes: { forward: "forward" },
  // the loss over a batch of 64 images, the gradient of conv1's bias, and a layer with odd sizes
  layers: [
    layer("loss", [64, 3, 32, 32]),
    layer("bias", [4, 64, 32, 32], [0, 2, 3]),
    layer("columns", [4096, 64], [0]),
    layer("odd", [7, 1001, 13], [1]),
  ],
  rungs: [
    ...(["sumNaive", "sumSimd"] as const).map((kernel, i) => ({
      number: i + 1,
      name: ["naive", "SIMD"][i],
      files: [`reduce/ladder/${["1_naive", "2_simd"][i]}.ts`],
      ships: false,
      passes: ["forward"],
      op: (options: SumOptions) => new RungSum(kernel, options),
    })),
    { number: 3, name: "accurate sums", ships: true, passes: ["forward"], ...shipped.sum },
  ],
  reference({ shapes: [shape], options }, [x]) {
    const reduced = checkDims("sum", options.dim as Dims, shape.length);
    const kept = shape.filter((_, d) => !reduced[d]);
    const sums = new Float64Array(kept.reduce((a, b) => a * b, 1));
    x.forEach((value, i) => {
      let [rest, to, stride] = [i, 0, 1];
      for (let d = shape.length - 1; d >= 0; d--) {
        const index = rest % shape[d];
        rest = (rest - index) / shape[d];
        if (reduced[d]) continue;
        to += index * stride;
        stride *= shape[d];
      }
      sums[to] += value;
    });
    return [sums];
  },
};
