import { DTypeError, formatShape, OptionError, ShapeError } from "../../errors.ts";
import { NULL } from "../../runtime/address.ts";
import { elementAt, empty, emptyLike, expectFloat, expectInt32, expectSameShape, type NDArray } from "../core/array.ts";
import { type AxisView, axisRange, axisView } from "../core/axis.ts";
import { type Attributes, type Gradients, Op } from "../core/op.ts";
import { CHUNK, roundQuotient, sumToDouble } from "../reduce/sum.ts";
import { kernels, launch } from "./kernels.ts";
import type { LossReduction } from "./pairwise.ts";

export interface CrossEntropyOptions {
  reduction: LossReduction;
  ignoreIndex: number;
  labelSmoothing: number;
}

/**
 * Cross entropy for class indices: softmax and loss in one op. Only the maximum and the logarithm of the sum
 * are kept for each position; backward recomputes the probabilities from the input. For `nllLoss` the input
 * contains log-probabilities.
 *
 * The mean divides by the sum of the weights of the targets that are not ignored.
 */
export class CrossEntropy extends Op {
  readonly name: "crossEntropy" | "nllLoss";
  readonly #options: CrossEntropyOptions;
  #axis: AxisView = { outer: 0, length: 0, inner: 0 };

  constructor(name: "crossEntropy" | "nllLoss", options: CrossEntropyOptions) {
    super();
    this.name = name;
    this.#options = options;
  }

  get attributes(): Attributes {
    return { ...this.#options };
  }

  override get required(): number {
    return 2;
  }

  forward(x: NDArray, target: NDArray, weight: NDArray | null = null): NDArray {
    if (x.dtype !== "float32" && target.dtype === "float32") {
      throw new DTypeError(
        `${this.name}: input expected float32, got ${x.dtype} ${formatShape(x.shape)}, and target int32, got float32 ` +
          `${formatShape(target.shape)}: is the target the first argument? The order is input, target`,
      );
    }
    expectFloat(this.name, x, weight);
    expectInt32(this.name, "target, class indices,", target);
    if (x.shape.length === 0) throw new ShapeError(`${this.name}: input expected [C] or [N,C,...], got []`);
    const dim = x.shape.length === 1 ? 0 : 1;
    this.#axis = axisView(x.shape, dim);
    const { length: classes, inner } = this.#axis;
    const positions = x.shape.filter((_, d) => d !== dim);
    if (formatShape(target.shape) !== formatShape(positions)) {
      throw new ShapeError(
        `${this.name}: target expected class indices ${formatShape(positions)} for input ${formatShape(x.shape)}, got ${formatShape(target.shape)}`,
      );
    }
    if (weight) expectSameShape(this.name, "weight, one for each class,", [classes], weight.shape);
    const { ignoreIndex, labelSmoothing, reduction } = this.#options;
    const bad = kernels().firstBadClass(target.address, target.size, classes, ignoreIndex);
    if (bad >= 0) {
      throw new OptionError(
        `${this.name}: target expected classes in [0, ${classes - 1}] or ignoreIndex ${ignoreIndex}, got ${elementAt(target, bad)} at element ${bad}`,
      );
    }

    const stats = this.name === "crossEntropy" ? ([empty(positions), empty(positions)] as const) : null;
    const [maxima, logSums] = [stats?.[0].address ?? NULL, stats?.[1].address ?? NULL];
    if (stats) {
      const { total, grain } = axisRange(this.#axis);
      launch("logSumExp", total, grain, x.address, maxima, logSums, classes, inner);
    }
    const terms = empty(positions);
    const counts = empty(positions);
    const grain = labelSmoothing === 0 ? CHUNK : Math.ceil(CHUNK / Math.max(1, classes));
    launch(
      "crossEntropyTerms",
      target.size,
      grain,
      x.address,
      maxima,
      logSums,
      target.address,
      weight?.address ?? NULL,
      terms.address,
      counts.address,
      classes,
      inner,
      ignoreIndex,
      labelSmoothing,
    );
    const divisor = empty([]);
    this.save(x, target, weight, stats?.[0] ?? null, stats?.[1] ?? null, divisor);
    if (reduction === "none") return terms;
    const all = positions.map(() => true);
    const sum = sumToDouble(terms, all);
    if (reduction === "sum") {
      kernels().fillFloat(0, 1, divisor.address, 1);
      return roundQuotient(sum, []);
    }
    const mean = empty([]);
    const count = sumToDouble(counts, all); // must precede kernels(), which waits for all launched kernels
    kernels().divideSums(sum, count, mean.address, divisor.address);
    return mean;
  }

  override backward(dy: NDArray): Gradients {
    const [x, target, weight, maxima, logSums, divisor] = this.saved as [
      NDArray,
      NDArray,
      ...(NDArray | null)[],
      NDArray,
    ];
    const { reduction, ignoreIndex, labelSmoothing } = this.#options;
    const { total, grain } = axisRange(this.#axis);
    const dx = emptyLike(x);
    launch(
      "crossEntropyGrad",
      total,
      grain,
      x.address,
      maxima?.address ?? NULL,
      logSums?.address ?? NULL,
      target.address,
      weight?.address ?? NULL,
      dy.address,
      reduction === "none" ? 0 : 1,
      (divisor as NDArray).address,
      dx.address,
      this.#axis.length,
      this.#axis.inner,
      ignoreIndex,
      labelSmoothing,
    );
    return [dx, null, null];
  }
}
