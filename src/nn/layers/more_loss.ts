import type { Tensor } from "../../tensor/tensor.ts";
import { type CTCLossOptions, ctcLoss, readCtc } from "../functional/ctc_loss.ts";
import { gaussianNllLoss, huberLoss, poissonNllLoss } from "../functional/likelihood_loss.ts";
import type { LossOptions } from "../functional/loss.ts";
import {
  type GaussianNLLLossOptions,
  type HuberLossOptions,
  type MarginLossOptions,
  type MultiLabelSoftMarginLossOptions,
  type MultiMarginLossOptions,
  type PoissonNLLLossOptions,
  readLossOptions,
  type TripletMarginLossOptions,
} from "../functional/loss_options.ts";
import {
  cosineEmbeddingLoss,
  hingeEmbeddingLoss,
  marginRankingLoss,
  multiLabelSoftMarginLoss,
  multiMarginLoss,
  softMarginLoss,
  tripletMarginLoss,
} from "../functional/margin_loss.ts";
import { Module } from "../module.ts";

/**
 * Squared error for differences below `delta`, linear beyond. Matches `torch.nn.HuberLoss`; see
 * `functional.huberLoss`.
 */
export class HuberLoss extends Module {
  readonly options: Readonly<Required<HuberLossOptions>>;

  constructor(options?: HuberLossOptions) {
    super();
    this.options = readLossOptions("HuberLoss", "huberLoss", options);
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    return huberLoss(input, target, this.options);
  }
}

/** Poisson negative log-likelihood. Matches `torch.nn.PoissonNLLLoss`; see `functional.poissonNllLoss`. */
export class PoissonNLLLoss extends Module {
  readonly options: Readonly<Required<PoissonNLLLossOptions>>;

  constructor(options?: PoissonNLLLossOptions) {
    super();
    this.options = readLossOptions("PoissonNLLLoss", "poissonNllLoss", options);
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    return poissonNllLoss(input, target, this.options);
  }
}

/** Normal negative log-likelihood. Matches `torch.nn.GaussianNLLLoss`; see `functional.gaussianNllLoss`. */
export class GaussianNLLLoss extends Module {
  readonly options: Readonly<Required<GaussianNLLLossOptions>>;

  constructor(options?: GaussianNLLLossOptions) {
    super();
    this.options = readLossOptions("GaussianNLLLoss", "gaussianNllLoss", options);
  }

  override forward(input: Tensor, target: Tensor, variance: Tensor): Tensor {
    return gaussianNllLoss(input, target, variance, this.options);
  }
}

/** Order of two scores. Matches `torch.nn.MarginRankingLoss`; see `functional.marginRankingLoss`. */
export class MarginRankingLoss extends Module {
  readonly options: Readonly<Required<MarginLossOptions>>;

  constructor(options?: MarginLossOptions) {
    super();
    this.options = readLossOptions("MarginRankingLoss", "marginRankingLoss", options);
  }

  override forward(input1: Tensor, input2: Tensor, target: Tensor): Tensor {
    return marginRankingLoss(input1, input2, target, this.options);
  }
}

/**
 * Distances of like and unlike pairs. Matches `torch.nn.HingeEmbeddingLoss`; see
 * `functional.hingeEmbeddingLoss`.
 */
export class HingeEmbeddingLoss extends Module {
  readonly options: Readonly<Required<MarginLossOptions>>;

  constructor(options?: MarginLossOptions) {
    super();
    this.options = readLossOptions("HingeEmbeddingLoss", "hingeEmbeddingLoss", options);
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    return hingeEmbeddingLoss(input, target, this.options);
  }
}

/**
 * Angles of like and unlike pairs. Matches `torch.nn.CosineEmbeddingLoss`; see
 * `functional.cosineEmbeddingLoss`.
 */
export class CosineEmbeddingLoss extends Module {
  readonly options: Readonly<Required<MarginLossOptions>>;

  constructor(options?: MarginLossOptions) {
    super();
    this.options = readLossOptions("CosineEmbeddingLoss", "cosineEmbeddingLoss", options);
  }

  override forward(input1: Tensor, input2: Tensor, target: Tensor): Tensor {
    return cosineEmbeddingLoss(input1, input2, target, this.options);
  }
}

/** Logistic loss of targets 1 and -1. Matches `torch.nn.SoftMarginLoss`; see `functional.softMarginLoss`. */
export class SoftMarginLoss extends Module {
  readonly options: Readonly<Required<LossOptions>>;

  constructor(options?: LossOptions) {
    super();
    this.options = readLossOptions("SoftMarginLoss", "softMarginLoss", options);
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    return softMarginLoss(input, target, this.options);
  }
}

/** Hinge loss of several classes. Matches `torch.nn.MultiMarginLoss`; see `functional.multiMarginLoss`. */
export class MultiMarginLoss extends Module {
  readonly options: Readonly<Required<MultiMarginLossOptions>>;
  weight: Tensor | null;

  constructor(options?: MultiMarginLossOptions) {
    super();
    this.options = readLossOptions("MultiMarginLoss", "multiMarginLoss", options);
    this.weight = this.registerBuffer("weight", this.options.weight);
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    return multiMarginLoss(input, target, { ...this.options, weight: this.weight });
  }
}

/**
 * Cross entropy of logits of several labels. Matches `torch.nn.MultiLabelSoftMarginLoss`; see
 * `functional.multiLabelSoftMarginLoss`.
 */
export class MultiLabelSoftMarginLoss extends Module {
  readonly options: Readonly<Required<MultiLabelSoftMarginLossOptions>>;
  weight: Tensor | null;

  constructor(options?: MultiLabelSoftMarginLossOptions) {
    super();
    this.options = readLossOptions("MultiLabelSoftMarginLoss", "multiLabelSoftMarginLoss", options);
    this.weight = this.registerBuffer("weight", this.options.weight);
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    return multiLabelSoftMarginLoss(input, target, { ...this.options, weight: this.weight });
  }
}

/**
 * Distances to a like and an unlike sample. Matches `torch.nn.TripletMarginLoss`; see
 * `functional.tripletMarginLoss`.
 */
export class TripletMarginLoss extends Module {
  readonly options: Readonly<Required<TripletMarginLossOptions>>;

  constructor(options?: TripletMarginLossOptions) {
    super();
    this.options = readLossOptions("TripletMarginLoss", "tripletMarginLoss", options);
  }

  override forward(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    return tripletMarginLoss(anchor, positive, negative, this.options);
  }
}

/** Connectionist temporal classification. Matches `torch.nn.CTCLoss`; see `functional.ctcLoss`. */
export class CTCLoss extends Module {
  readonly options: Readonly<Required<CTCLossOptions>>;

  constructor(options?: CTCLossOptions) {
    super();
    this.options = readCtc("CTCLoss", options);
  }

  override forward(
    logProbs: Tensor,
    targets: Tensor,
    inputLengths: Tensor | readonly number[],
    targetLengths: Tensor | readonly number[],
  ): Tensor {
    return ctcLoss(logProbs, targets, inputLengths, targetLengths, this.options);
  }
}
