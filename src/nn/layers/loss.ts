import { checkBoolean, checkChoice, checkInteger, checkNumber, readOptions } from "../../checks.ts";
import type { LossReduction } from "../../ops/loss/pairwise.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import {
  binaryCrossEntropy,
  binaryCrossEntropyWithLogits,
  type CrossEntropyLossOptions,
  crossEntropy,
  klDiv,
  type LossOptions,
  l1Loss,
  mseLoss,
  nllLoss,
  smoothL1Loss,
} from "../functional/loss.ts";
import { Module } from "../module.ts";

/** Base of all losses. Options are read and checked in the constructor. */
abstract class Loss<Options extends { reduction: LossReduction | "batchmean" }> extends Module {
  readonly options: Options;

  constructor(op: string, options: Partial<Options> | undefined, defaults: Options) {
    super();
    this.options = { ...readOptions(op, options, defaults) };
    const choices = ["mean", "sum", "none", ...(op === "KLDivLoss" ? (["batchmean"] as const) : [])] as const;
    checkChoice(op, "reduction", this.options.reduction, choices);
  }
}

const MEAN = { reduction: "mean" as LossReduction };
const NO_WEIGHT = null as Tensor | null;

/**
 * Mean squared error. Matches `torch.nn.MSELoss`; see `functional.mseLoss`.
 *
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * console.log(new nn.MSELoss().forward(tensor([1, 2]), tensor([1, 4])).item()); // 2
 * ```
 */
export class MSELoss extends Loss<Required<LossOptions>> {
  constructor(options?: LossOptions) {
    super("MSELoss", options, MEAN);
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    return mseLoss(input, target, this.options);
  }
}

/** Mean absolute error. Matches `torch.nn.L1Loss`; see `functional.l1Loss`. */
export class L1Loss extends Loss<Required<LossOptions>> {
  constructor(options?: LossOptions) {
    super("L1Loss", options, MEAN);
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    return l1Loss(input, target, this.options);
  }
}

export type SmoothL1LossOptions = LossOptions & { beta?: number };

/**
 * Squared error for small differences, absolute error for large ones. Matches `torch.nn.SmoothL1Loss`; see
 * `functional.smoothL1Loss`.
 */
export class SmoothL1Loss extends Loss<Required<SmoothL1LossOptions>> {
  constructor(options?: SmoothL1LossOptions) {
    super("SmoothL1Loss", options, { ...MEAN, beta: 1 });
    checkNumber("SmoothL1Loss", "beta", this.options.beta, 0);
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    return smoothL1Loss(input, target, this.options);
  }
}

export type BCELossOptions = LossOptions & { weight?: Tensor | null };

/**
 * Cross entropy of probabilities and 0/1 targets. Matches `torch.nn.BCELoss`; see
 * `functional.binaryCrossEntropy`.
 */
export class BCELoss extends Loss<Required<BCELossOptions>> {
  weight: Tensor | null;

  constructor(options?: BCELossOptions) {
    super("BCELoss", options, { ...MEAN, weight: NO_WEIGHT });
    this.weight = this.registerBuffer("weight", this.options.weight);
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    return binaryCrossEntropy(input, target, { ...this.options, weight: this.weight });
  }
}

export type BCEWithLogitsLossOptions = BCELossOptions & { posWeight?: Tensor | null };

/**
 * Binary cross entropy of logits: combines sigmoid and cross entropy. Matches `torch.nn.BCEWithLogitsLoss`;
 * see `functional.binaryCrossEntropyWithLogits`.
 */
export class BCEWithLogitsLoss extends Loss<Required<BCEWithLogitsLossOptions>> {
  static override readonly stateNames = { posWeight: "pos_weight" };
  weight: Tensor | null;
  posWeight: Tensor | null;

  constructor(options?: BCEWithLogitsLossOptions) {
    super("BCEWithLogitsLoss", options, { ...MEAN, weight: NO_WEIGHT, posWeight: NO_WEIGHT });
    this.weight = this.registerBuffer("weight", this.options.weight);
    this.posWeight = this.registerBuffer("posWeight", this.options.posWeight);
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    const { weight, posWeight } = this;
    return binaryCrossEntropyWithLogits(input, target, { ...this.options, weight, posWeight });
  }
}

/**
 * Cross entropy of logits: combines softmax and negative log-likelihood. Matches `torch.nn.CrossEntropyLoss`;
 * see `functional.crossEntropy`.
 */
export class CrossEntropyLoss extends Loss<Required<CrossEntropyLossOptions>> {
  weight: Tensor | null;

  constructor(options?: CrossEntropyLossOptions) {
    const op = "CrossEntropyLoss";
    super(op, options, { ...MEAN, weight: NO_WEIGHT, ignoreIndex: -100, labelSmoothing: 0 });
    checkInteger(op, "ignoreIndex", this.options.ignoreIndex, -(2 ** 31));
    checkNumber(op, "labelSmoothing", this.options.labelSmoothing, 0, 1);
    this.weight = this.registerBuffer("weight", this.options.weight);
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    return crossEntropy(input, target, { ...this.options, weight: this.weight });
  }
}

export type NLLLossOptions = Omit<CrossEntropyLossOptions, "labelSmoothing">;

/** Negative log-likelihood of log-probabilities. Matches `torch.nn.NLLLoss`; see `functional.nllLoss`. */
export class NLLLoss extends Loss<Required<NLLLossOptions>> {
  weight: Tensor | null;

  constructor(options?: NLLLossOptions) {
    super("NLLLoss", options, { ...MEAN, weight: NO_WEIGHT, ignoreIndex: -100 });
    checkInteger("NLLLoss", "ignoreIndex", this.options.ignoreIndex, -(2 ** 31));
    this.weight = this.registerBuffer("weight", this.options.weight);
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    return nllLoss(input, target, { ...this.options, weight: this.weight });
  }
}

export interface KLDivLossOptions {
  /** Default "mean", as in PyTorch; "batchmean" gives the mathematical divergence. */
  reduction?: LossReduction | "batchmean";
  /** Whether the target consists of log-probabilities too. Default false. */
  logTarget?: boolean;
}

/** Kullback-Leibler divergence. Matches `torch.nn.KLDivLoss`; see `functional.klDiv`. */
export class KLDivLoss extends Loss<Required<KLDivLossOptions>> {
  constructor(options?: KLDivLossOptions) {
    super("KLDivLoss", options, { reduction: "mean", logTarget: false });
    checkBoolean("KLDivLoss", "logTarget", this.options.logTarget);
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    return klDiv(input, target, this.options);
  }
}
