import { checkInteger, checkPair, type Pair } from "../../checks.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import {
  channelShuffle,
  fold,
  pixelShuffle,
  pixelUnshuffle,
  readUnfold,
  type UnfoldOptions,
  unfold,
} from "../functional/rearrange.ts";
import { formatGiven } from "../internal/describe.ts";
import { Module } from "../module.ts";

/** Moves channels to pixels. Matches `torch.nn.PixelShuffle`; see `functional.pixelShuffle`. */
export class PixelShuffle extends Module {
  readonly upscaleFactor: number;

  constructor(upscaleFactor: number) {
    super();
    this.upscaleFactor = checkInteger("PixelShuffle", "upscaleFactor", upscaleFactor, 1);
  }

  override forward(x: Tensor): Tensor {
    return pixelShuffle(x, this.upscaleFactor);
  }

  override extraRepr(): string {
    return `upscaleFactor=${this.upscaleFactor}`;
  }
}

/** Moves pixels to channels. Matches `torch.nn.PixelUnshuffle`; see `functional.pixelUnshuffle`. */
export class PixelUnshuffle extends Module {
  readonly downscaleFactor: number;

  constructor(downscaleFactor: number) {
    super();
    this.downscaleFactor = checkInteger("PixelUnshuffle", "downscaleFactor", downscaleFactor, 1);
  }

  override forward(x: Tensor): Tensor {
    return pixelUnshuffle(x, this.downscaleFactor);
  }

  override extraRepr(): string {
    return `downscaleFactor=${this.downscaleFactor}`;
  }
}

/** Exchanges channels between groups. Matches `torch.nn.ChannelShuffle`; see `functional.channelShuffle`. */
export class ChannelShuffle extends Module {
  readonly groups: number;

  constructor(groups: number) {
    super();
    this.groups = checkInteger("ChannelShuffle", "groups", groups, 1);
  }

  override forward(x: Tensor): Tensor {
    return channelShuffle(x, this.groups);
  }

  override extraRepr(): string {
    return `groups=${this.groups}`;
  }
}

/** The windows of images as columns. Matches `torch.nn.Unfold`; see `functional.unfold`. */
export class Unfold extends Module {
  readonly kernelSize: Pair;
  readonly options: Readonly<UnfoldOptions>;

  constructor(kernelSize: Pair, options?: UnfoldOptions) {
    super();
    readUnfold("Unfold", kernelSize, options);
    this.kernelSize = kernelSize;
    this.options = { ...options };
  }

  override forward(x: Tensor): Tensor {
    return unfold(x, this.kernelSize, this.options);
  }

  override extraRepr(): string {
    return formatGiven({ kernelSize: this.kernelSize, ...this.options });
  }
}

/** Adds windows into images. Matches `torch.nn.Fold`; see `functional.fold`. */
export class Fold extends Module {
  readonly outputSize: Pair;
  readonly kernelSize: Pair;
  readonly options: Readonly<UnfoldOptions>;

  constructor(outputSize: Pair, kernelSize: Pair, options?: UnfoldOptions) {
    super();
    checkPair("Fold", "outputSize", outputSize, 1);
    readUnfold("Fold", kernelSize, options);
    this.outputSize = outputSize;
    this.kernelSize = kernelSize;
    this.options = { ...options };
  }

  override forward(x: Tensor): Tensor {
    return fold(x, this.outputSize, this.kernelSize, this.options);
  }

  override extraRepr(): string {
    return formatGiven({ outputSize: this.outputSize, kernelSize: this.kernelSize, ...this.options });
  }
}
