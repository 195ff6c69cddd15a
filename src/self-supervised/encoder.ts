import { checkBoolean, checkInteger, checkNumber, readOptions } from "../checks.ts";
import { OptionError } from "../errors.ts";
import { interpolate } from "../nn/functional/interpolate.ts";
import { maxPool2d } from "../nn/functional/pooling.ts";
import { ReLU } from "../nn/layers/activation.ts";
import { ModuleList, Sequential } from "../nn/layers/container.ts";
import { Conv2d } from "../nn/layers/conv.ts";
import { BatchNorm2d } from "../nn/layers/norm.ts";
import { Module } from "../nn/module.ts";
import { tensor } from "../tensor/creation.ts";
import type { Tensor } from "../tensor/tensor.ts";

export interface EncoderOptions {
  /** Channels of each stage. Between two stages height and width are halved. Default [32, 64, 128]. */
  channels?: readonly number[];
  /** Number of convolutions in each stage. Default [1, 2, 2]. */
  depths?: readonly number[];
  /**
   * Whether all convolutions but the first are depthwise separable: 3x3 per channel, then 1x1 across
   * channels. Default false.
   */
  separable?: boolean;
  /**
   * Mean and standard deviation of the pixels, one per channel: see `dataset.statistics()`. Default:
   * CIFAR-10's.
   */
  mean?: readonly number[];
  std?: readonly number[];
}

const CIFAR10_MEAN = [0.4914, 0.4822, 0.4465];
const CIFAR10_STD = [0.247, 0.2435, 0.2616];

function checkList(op: string, name: string, values: readonly number[]): number[] {
  if (!Array.isArray(values) || values.length === 0)
    throw new OptionError(`${op}: ${name} expected one number per channel`);
  return values.map((value, c) => checkNumber(op, `${name}[${c}]`, value));
}

/**
 * 3x3 convolution, batch norm, ReLU. With `separable`: depthwise 3x3 and 1x1, each with batch norm and ReLU
 * (MobileNet).
 */
function block(from: number, to: number, separable: boolean): Module[] {
  if (!separable) {
    return [new Conv2d(from, to, { kernelSize: 3, padding: 1, bias: false }), new BatchNorm2d(to), new ReLU()];
  }
  return [
    new Conv2d(from, from, { kernelSize: 3, padding: 1, groups: from, bias: false }),
    new BatchNorm2d(from),
    new ReLU(),
    new Conv2d(from, to, { kernelSize: 1, bias: false }),
    new BatchNorm2d(to),
    new ReLU(),
  ];
}

/**
 * The network that all pretext tasks train and that is kept after pretraining. It maps images [N,3,H,W] in
 * [0, 1], which it normalizes, to features [N,C,H/4,W/4]. The defaults give 0.28 million parameters;
 * with `separable` the network is much smaller.
 *
 * see: Howard et al., "MobileNets", 2017, for the separable form
 * @throws OptionError
 * @example
 * ```ts
 * import { rand } from "wasmgrad";
 * import { Encoder } from "wasmgrad/self-supervised";
 * const encoder = new Encoder({ channels: [8, 16, 32] });
 * const images = rand([2, 3, 32, 32]);
 * console.log(encoder.forward(images).shape, encoder.embed(images).shape); // [2, 32, 8, 8] [2, 32]
 * ```
 */
export class Encoder extends Module {
  stages: ModuleList;
  /** Number of channels of the features. */
  readonly features: number;
  /** Height and width in pixels of the image area that one cell of the feature map covers. */
  readonly stride: number;
  /** `mean` and `std` are [1,C,1,1]. They are part of the state, so a loaded encoder normalizes as before. */
  mean: Tensor;
  std: Tensor;

  constructor(options?: EncoderOptions) {
    super();
    const op = "Encoder";
    const given = readOptions<Required<EncoderOptions>>(op, options, {
      channels: [32, 64, 128],
      depths: [1, 2, 2],
      separable: false,
      mean: CIFAR10_MEAN,
      std: CIFAR10_STD,
    });
    const { channels, depths } = given;
    const separable = checkBoolean(op, "separable", given.separable);
    if (given.mean.length !== given.std.length || given.std.includes(0)) {
      throw new OptionError(`${op}: expected as many std as mean, none 0, got [${given.std}] and [${given.mean}]`);
    }
    if (channels.length !== depths.length || channels.length === 0) {
      throw new OptionError(`${op}: expected as many depths as channels, got [${depths}] and [${channels}]`);
    }
    const perChannel = (name: "mean" | "std") =>
      this.registerBuffer(name, tensor(checkList(op, name, given[name])).reshape([1, -1, 1, 1]));
    [this.mean, this.std] = [perChannel("mean"), perChannel("std")];
    let from = given.mean.length;
    const stages = channels.map((to, i) => {
      checkInteger(op, `channels[${i}]`, to, 1);
      checkInteger(op, `depths[${i}]`, depths[i], 1);
      const layers = Array.from({ length: depths[i] }, (_, j) =>
        block(j === 0 ? from : to, to, separable && (i > 0 || j > 0)),
      );
      from = to;
      return new Sequential(...layers.flat());
    });
    this.stages = new ModuleList(stages);
    this.features = from;
    this.stride = 2 ** (stages.length - 1);
  }

  /**
   * @param options `keep`, float32 [N,1,H/stride,W/stride] of ones and zeros: cells with 0 are hidden from
   *   every layer, so that they do not influence their neighbours (see: Tian et al., "Designing BERT for
   *   convolutional networks", 2023); `pixels`, [N,C or 1,H,W] of ones and zeros: pixels with 0 are replaced
   *   by the mean colour
   */
  override forward(images: Tensor, options?: { keep?: Tensor; pixels?: Tensor }): Tensor {
    const { keep, pixels } = readOptions("Encoder.forward", options, {
      keep: undefined as Tensor | undefined,
      pixels: undefined as Tensor | undefined,
    });
    let x = images.sub(this.mean).div(this.std);
    if (pixels) x = x.mul(pixels);
    let scale = this.stride;
    const hide = (y: Tensor) => (keep ? y.mul(scale === 1 ? keep : interpolate(keep, { scaleFactor: scale })) : y);
    x = hide(x);
    [...this.stages].forEach((stage, i) => {
      if (i > 0) {
        x = maxPool2d(x, 2);
        scale /= 2;
      }
      x = hide(stage.forward(x));
    });
    return x;
  }

  /** One vector per image, [N,C]: the mean of its features over all positions. */
  embed(images: Tensor): Tensor {
    return this.forward(images).mean([2, 3]);
  }
}
