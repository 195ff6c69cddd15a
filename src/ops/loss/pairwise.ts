import { formatShape, OptionError, ShapeError } from "../../errors.ts";
import { NULL } from "../../runtime/address.ts";
import { PairLossKind } from "../../runtime/kernels.generated.ts";
import { elementAt, emptyLike, expectFloat, expectSameShape, type NDArray, scratch } from "../core/array.ts";
import { type Attributes, type Gradients, Op } from "../core/op.ts";
import { CHUNK, repeatAlong, roundQuotient, sumPartials } from "../reduce/sum.ts";
import { kernels, launch } from "./kernels.ts";

/** The reduction of the terms of a loss: their mean, their sum, or none. */
export type LossReduction = "mean" | "sum" | "none";

/** The name that the kernels of each loss share. */
const KINDS = {
  mseLoss: PairLossKind.Mse,
  l1Loss: PairLossKind.L1,
  smoothL1Loss: PairLossKind.SmoothL1,
  binaryCrossEntropy: PairLossKind.Bce,
  binaryCrossEntropyWithLogits: PairLossKind.Logits,
  klDiv: PairLossKind.Kl,
  klDivLogTarget: PairLossKind.KlLog,
};

export interface PairLossOptions {
  reduction: LossReduction | "batchmean";
  /** The |input - target| at which smoothL1Loss changes from quadratic to linear. */
  beta?: number;
}

/** Expands a weight to the input's shape, which it must broadcast to. */
function spread(op: string, what: string, weight: NDArray | null, shape: readonly number[]): NDArray | null {
  if (!weight) return null;
  const added = shape.length - weight.shape.length;
  const repeated = shape.map((length, d) => d < added || (weight.shape[d - added] === 1 && length !== 1));
  if (added < 0 || shape.some((length, d) => !repeated[d] && length !== weight.shape[d - added])) {
    throw new ShapeError(
      `${op}: ${what} expected a shape that broadcasts to ${formatShape(shape)}, got ${formatShape(weight.shape)}`,
    );
  }
  return repeatAlong(weight, shape, repeated);
}

/**
 * A loss with one term per element of input and target. Forward computes the terms and adds them up in
 * float64 in one pass; backward computes both gradients in one pass. `weight` and `posWeight`, which may be
 * null, are broadcast and get no gradient.
 */
export class PairLoss extends Op {
  readonly name: string;
  readonly #kind: PairLossKind;
  readonly #reduction: PairLossOptions["reduction"];
  readonly #beta: number;
  /** What the sum of the terms is divided by; set by `forward`. */
  divisor = 1;

  constructor(kind: keyof typeof KINDS, { reduction, beta = 1 }: PairLossOptions) {
    super();
    this.name = kind === "klDivLogTarget" ? "klDiv" : kind;
    this.#kind = KINDS[kind];
    this.#reduction = reduction;
    this.#beta = beta;
  }

  get attributes(): Attributes {
    const reduction = this.#reduction;
    if (this.#kind === KINDS.smoothL1Loss) return { reduction, beta: this.#beta };
    if (this.name === "klDiv") return { reduction, logTarget: this.#kind === KINDS.klDivLogTarget };
    return { reduction };
  }

  override get required(): number {
    return 2;
  }

  forward(x: NDArray, target: NDArray, weights: NDArray | null = null, posWeights: NDArray | null = null): NDArray {
    expectFloat(this.name, x, target, weights, posWeights);
    expectSameShape(this.name, "target, as the input,", x.shape, target.shape);
    const weight = spread(this.name, "weight", weights, x.shape);
    const posWeight = spread(this.name, "posWeight", posWeights, x.shape);
    if (this.#kind === PairLossKind.Bce) {
      this.#expectProbabilities("input", x);
      this.#expectProbabilities("target", target);
    }
    const inputs = this.#inputs(x, target, weight, posWeight);
    if (this.#reduction === "none") {
      const y = emptyLike(x);
      launch("pairLoss", x.size, CHUNK, ...inputs, y.address);
      this.save(x, target, weight, posWeight, null);
      return y;
    }
    if (this.#reduction === "mean") this.divisor = x.size;
    if (this.#reduction === "batchmean") {
      if (x.shape.length === 0) throw new ShapeError(`${this.name}: "batchmean" expected a batch dimension, got []`);
      this.divisor = x.shape[0];
    }
    const chunks = Math.ceil(x.size / CHUNK);
    const partials = scratch(chunks * 8);
    launch("pairLossSum", chunks, 1, ...inputs, partials, x.size, CHUNK);
    const loss = roundQuotient(sumPartials(partials, 1, chunks, 1), [], this.divisor);
    this.save(x, target, weight, posWeight, loss);
    return loss;
  }

  /** The arguments that the kernels share. */
  #inputs(x: NDArray, target: NDArray, weight: NDArray | null, posWeight: NDArray | null) {
    const [weights, posWeights] = [weight?.address ?? NULL, posWeight?.address ?? NULL];
    return [this.#kind, x.address, target.address, weights, posWeights, this.#beta] as const;
  }

  override backward(dy: NDArray): Gradients {
    const [x, target, weight, posWeight, loss] = this.saved as [NDArray, NDArray, ...(NDArray | null)[]];
    const dx = this.needs[0] ? emptyLike(x) : null;
    const dTarget = this.needs[1] ? emptyLike(target) : null;
    const inputs = this.#inputs(x, target, weight, posWeight);
    const scale = [dy.address, loss ? 1 : 0, this.divisor, loss?.address ?? NULL] as const;
    launch("pairLossGrad", x.size, CHUNK, ...inputs, ...scale, dx?.address ?? NULL, dTarget?.address ?? NULL);
    return [dx, dTarget, null, null];
  }

  #expectProbabilities(what: string, x: NDArray): void {
    const outside = kernels().firstOutside(x.address, x.size, 0, 1);
    if (outside < 0) return;
    const value = elementAt(x, outside);
    throw new OptionError(`${this.name}: ${what} expected probabilities in [0, 1], got ${value} at element ${outside}`);
  }
}
