import { checkBoolean, checkChoice, checkInteger, checkNumber, readOptions } from "../../checks.ts";
import { formatShape, ShapeError } from "../../errors.ts";
import { expectTensor } from "../../tensor/apply.ts";
import { ones } from "../../tensor/fill.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import {
  cosineSimilarity,
  expectTensors,
  type PairwiseDistanceOptions,
  pairwiseDistance,
  readDistance,
} from "../functional/distance.ts";
import { dropout } from "../functional/dropout.ts";
import { uniform_ } from "../init.ts";
import { emptyParameter } from "../internal/default_init.ts";
import { Module } from "../module.ts";
import type { Parameter } from "../parameter.ts";

/** Distance between vectors. Matches `torch.nn.PairwiseDistance`; see `functional.pairwiseDistance`. */
export class PairwiseDistance extends Module {
  readonly options: Readonly<Required<PairwiseDistanceOptions>>;

  constructor(options?: PairwiseDistanceOptions) {
    super();
    this.options = readDistance("PairwiseDistance", options);
  }

  override forward(x1: Tensor, x2: Tensor): Tensor {
    return pairwiseDistance(x1, x2, this.options);
  }
}

/**
 * Cosine of the angle between vectors. Matches `torch.nn.CosineSimilarity`; see
 * `functional.cosineSimilarity`.
 */
export class CosineSimilarity extends Module {
  readonly options: Readonly<{ dim: number; eps: number }>;

  constructor(options?: { dim?: number; eps?: number }) {
    super();
    this.options = { ...readOptions("CosineSimilarity", options, { dim: 1, eps: 1e-8 }) };
    checkInteger("CosineSimilarity", "dim", this.options.dim, -(2 ** 31));
    checkNumber("CosineSimilarity", "eps", this.options.eps, 0);
  }

  override forward(x1: Tensor, x2: Tensor): Tensor {
    return cosineSimilarity(x1, x2, this.options);
  }
}

/**
 * `y = x1ᵀ A x2 + b` for each output: [..., in1] and [..., in2] give [..., out]. Matches `torch.nn.Bilinear`.
 *
 * @example
 * ```ts
 * import { nn, randn } from "wasmgrad";
 * console.log(new nn.Bilinear(3, 4, 5).forward(randn([2, 3]), randn([2, 4])).shape); // [2, 5]
 * ```
 */
export class Bilinear extends Module {
  /** [out, in1, in2] */
  weight: Parameter;
  bias: Parameter | null;

  constructor(in1Features: number, in2Features: number, outFeatures: number, options?: { bias?: boolean }) {
    super();
    const { bias } = readOptions("Bilinear", options, { bias: true });
    const shape = Object.entries({ outFeatures, in1Features, in2Features });
    this.weight = emptyParameter(shape.map(([name, value]) => checkInteger("Bilinear", name, value, 1)));
    this.bias = checkBoolean("Bilinear", "bias", bias) ? emptyParameter([outFeatures]) : null;
    this.resetParameters();
  }

  /** Initialises the parameters uniformly in ±1/√in1. */
  resetParameters(): void {
    const bound = 1 / Math.sqrt(this.weight.shape[1]);
    for (const parameter of this.parameters()) uniform_(parameter, -bound, bound);
  }

  override forward(x1: Tensor, x2: Tensor): Tensor {
    expectTensors("Bilinear", { x1, x2 });
    const [out, in1, in2] = this.weight.shape;
    const same = formatShape(x1.shape.slice(0, -1)) === formatShape(x2.shape.slice(0, -1));
    if (!same || x1.dim() === 0 || x1.shape.at(-1) !== in1 || x2.shape.at(-1) !== in2) {
      const shapes = `${formatShape(x1.shape)} and ${formatShape(x2.shape)}`;
      throw new ShapeError(`Bilinear: expected [...,${in1}] and [...,${in2}], got ${shapes}`);
    }
    const mixed = x1.matmul(this.weight.permute([1, 0, 2]).reshape([in1, out * in2]));
    const y = mixed
      .reshape([...x1.shape.slice(0, -1), out, in2])
      .mul(x2.unsqueeze(-2))
      .sum(-1);
    return this.bias ? y.add(this.bias) : y;
  }

  override extraRepr(): string {
    const [out, in1, in2] = this.weight.shape;
    return `${in1}, ${in2}, ${out}, bias=${this.bias !== null}`;
  }
}

/** Dropout of whole channels of [N, C, L] or [C, L]. Matches `torch.nn.Dropout1d`. */
export class Dropout1d extends Module {
  readonly p: number;

  constructor(p = 0.5) {
    super();
    this.p = checkNumber("Dropout1d", "p", p, 0, 1);
  }

  override forward(x: Tensor): Tensor {
    expectTensor("Dropout1d", "x", x);
    if (x.dim() !== 2 && x.dim() !== 3) {
      throw new ShapeError(`Dropout1d: expected [N,C,L] or [C,L], got ${formatShape(x.shape)}`);
    }
    if (!this.training || this.p === 0) return x;
    return x.mul(dropout(ones([...x.shape.slice(0, -1), 1]), { p: this.p }));
  }

  override extraRepr(): string {
    return `p=${this.p}`;
  }
}

/** What SELU tends to for large negative arguments. */
const SELU_FLOOR = -1.7580993408473766;

/**
 * Dropout that keeps mean and variance of activations of SELU: dropped elements become its lowest value, and
 * the result is scaled and shifted. Matches `torch.nn.AlphaDropout`.
 *
 * see: Klambauer et al., Self-normalizing neural networks, 2017
 */
export class AlphaDropout extends Module {
  readonly p: number;

  constructor(p = 0.5) {
    super();
    this.p = checkNumber("AlphaDropout", "p", p, 0, 1);
  }

  override forward(x: Tensor): Tensor {
    expectTensor("AlphaDropout", "x", x);
    const { p } = this;
    if (!this.training || p === 0) return x;
    if (p === 1) return x.mul(0);
    const kept = dropout(ones(x.shape), { p }).gt(0);
    const scale = 1 / Math.sqrt((1 - p) * (1 + p * SELU_FLOOR * SELU_FLOOR));
    return x
      .where(kept, SELU_FLOOR)
      .sub(p * SELU_FLOOR)
      .mul(scale);
  }

  override extraRepr(): string {
    return `p=${this.p}`;
  }
}

/**
 * Drops the whole branch of a residual connection in training: with probability p each sample ("row") or the
 * batch becomes 0, and the others are divided by 1 − p. Matches `torchvision.ops.StochasticDepth`.
 *
 * see: Huang et al., Deep networks with stochastic depth, 2016
 * @example
 * ```ts
 * import { nn, ones } from "wasmgrad";
 * const drop = new nn.StochasticDepth(0.5);
 * console.log(drop.forward(ones([4, 1])).toArray(), drop.eval().forward(ones([4, 1])).toArray());
 * ```
 */
export class StochasticDepth extends Module {
  readonly p: number;
  readonly mode: "row" | "batch";

  constructor(p: number, mode: "row" | "batch" = "row") {
    super();
    this.p = checkNumber("StochasticDepth", "p", p, 0, 1);
    this.mode = checkChoice("StochasticDepth", "mode", mode, ["row", "batch"]);
  }

  override forward(x: Tensor): Tensor {
    expectTensor("StochasticDepth", "x", x);
    if (!this.training || this.p === 0) return x;
    const shape = x.shape.map((length, d) => (d === 0 && this.mode === "row" ? length : 1));
    return x.mul(dropout(ones(shape), { p: this.p }));
  }

  override extraRepr(): string {
    return `p=${this.p}, mode=${this.mode}`;
  }
}
