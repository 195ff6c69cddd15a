import { checkBoolean, checkInteger, checkPair, type Pair, readOptions } from "../../checks.ts";
import { OptionError } from "../../errors.ts";
import { Conv2dOp, ConvTranspose2dOp } from "../../gradients/rules/conv.ts";
import {
  ConvWindow,
  type ConvWindowOptions,
  TransposedConvWindow,
  type TransposedConvWindowOptions,
} from "../../ops/conv/window.ts";
import { apply } from "../../tensor/apply.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { emptyParameter, initWeightAndBias } from "../internal/default_init.ts";
import { formatOptions, formatPair } from "../internal/describe.ts";
import { Module } from "../module.ts";
import type { Parameter } from "../parameter.ts";

/** Options that the layers have in addition to the functions' options. */
interface LayerOptions {
  /** An integer or [height, width]. */
  kernelSize: Pair;
  /** Whether the layer has a bias. Default true. */
  bias?: boolean;
}

export interface Conv2dOptions extends ConvWindowOptions, LayerOptions {}

export interface ConvTranspose2dOptions extends TransposedConvWindowOptions, LayerOptions {}

/** Checks that `options` contains a kernel size, which has no default. */
function requireKernelSize(op: string, options: { kernelSize: Pair }): void {
  if (typeof options !== "object" || options === null || options.kernelSize === undefined) {
    throw new OptionError(`${op}: options expected { kernelSize, ... }, got ${JSON.stringify(options)}`);
  }
}

/** Base of Conv2d and ConvTranspose2d: sizes, parameters, initialisation and description. */
abstract class Convolution extends Module {
  weight: Parameter;
  /** [outChannels] */
  bias: Parameter | null;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernelSize: readonly [number, number];
  /** @internal The checked options. */
  readonly window: ConvWindow;

  constructor(
    op: string,
    inChannels: number,
    outChannels: number,
    { kernelSize, bias }: { kernelSize: Pair; bias: boolean },
    window: ConvWindow,
    weightChannels: (groups: number) => [number, number],
  ) {
    super();
    this.inChannels = checkInteger(op, "inChannels", inChannels, 1);
    this.outChannels = checkInteger(op, "outChannels", outChannels, 1);
    this.kernelSize = checkPair(op, "kernelSize", kernelSize, 1);
    this.window = window;
    const { groups } = window;
    if (inChannels % groups !== 0 || outChannels % groups !== 0) {
      throw new OptionError(
        `${op}: inChannels and outChannels expected multiples of groups, got ${inChannels}, ${outChannels} and groups ${groups}`,
      );
    }
    this.weight = emptyParameter([...weightChannels(groups), ...this.kernelSize]);
    this.bias = checkBoolean(op, "bias", bias) ? emptyParameter([outChannels]) : null;
    this.resetParameters();
  }

  /** Initialises the parameters again. */
  resetParameters(): void {
    initWeightAndBias(this.weight, this.bias);
  }

  protected describe(outputPadding: readonly number[]): string {
    const { stride, padding, dilation, groups } = this.window;
    const differs = (pair: readonly number[], from: number) => pair.some((value) => value !== from);
    return formatOptions(
      `${this.inChannels}, ${this.outChannels}`,
      `kernelSize=${formatPair(this.kernelSize)}`,
      `stride=${formatPair(stride)}`,
      padding === "same" ? "padding=same" : differs(padding, 0) && `padding=${formatPair(padding)}`,
      differs(dilation, 1) && `dilation=${formatPair(dilation)}`,
      differs(outputPadding, 0) && `outputPadding=${formatPair(outputPadding)}`,
      groups !== 1 && `groups=${groups}`,
      this.bias === null && "bias=false",
    );
  }
}

const WINDOW_DEFAULTS = { stride: 1, dilation: 1, groups: 1, bias: true };

/**
 * 2-D convolution: [N, inChannels, H, W] to [N, outChannels, H', W']; see `functional.conv2d` for the
 * formula. Weight and bias are initialised uniformly in ±1/√(inChannels/groups · kernel area). Matches
 * `torch.nn.Conv2d`.
 *
 * @throws OptionError for bad or unknown options, or channels that are not multiples of `groups`.
 * @example
 * ```ts
 * import { nn, zeros } from "wasmgrad";
 * const conv = new nn.Conv2d(3, 16, { kernelSize: 3, padding: 1 });
 * console.log(conv.forward(zeros([8, 3, 32, 32])).shape); // [8, 16, 32, 32]
 * ```
 */
export class Conv2d extends Convolution {
  constructor(inChannels: number, outChannels: number, options: Conv2dOptions) {
    const op = "Conv2d";
    requireKernelSize(op, options);
    const { kernelSize, bias, ...rest } = readOptions<Required<Conv2dOptions>>(op, options, {
      kernelSize: 1,
      padding: 0,
      ...WINDOW_DEFAULTS,
    });
    const window = new ConvWindow(op, rest);
    super(op, inChannels, outChannels, { kernelSize, bias }, window, (groups) => [outChannels, inChannels / groups]);
  }

  override forward(x: Tensor): Tensor {
    return apply(new Conv2dOp(this.window), x, this.weight, this.bias);
  }

  override extraRepr(): string {
    return this.describe([0, 0]);
  }
}

/**
 * 2-D transposed convolution: each input pixel adds the kernel, multiplied by its value, to the output; see
 * `functional.convTranspose2d` for the formula. The weight is [inChannels, outChannels/groups, KH, KW].
 * Matches `torch.nn.ConvTranspose2d`.
 *
 * @throws OptionError for bad or unknown options, or channels that are not multiples of `groups`.
 * @example
 * ```ts
 * import { nn, zeros } from "wasmgrad";
 * const up = new nn.ConvTranspose2d(16, 3, { kernelSize: 2, stride: 2 });
 * console.log(up.forward(zeros([8, 16, 16, 16])).shape); // [8, 3, 32, 32]
 * ```
 */
export class ConvTranspose2d extends Convolution {
  readonly outputPadding: readonly [number, number];
  /** @internal */
  declare readonly window: TransposedConvWindow;

  constructor(inChannels: number, outChannels: number, options: ConvTranspose2dOptions) {
    const op = "ConvTranspose2d";
    requireKernelSize(op, options);
    const { kernelSize, bias, ...rest } = readOptions<Required<ConvTranspose2dOptions>>(op, options, {
      kernelSize: 1,
      padding: 0,
      outputPadding: 0,
      ...WINDOW_DEFAULTS,
    });
    const window = new TransposedConvWindow(op, rest);
    super(op, inChannels, outChannels, { kernelSize, bias }, window, (groups) => [inChannels, outChannels / groups]);
    this.outputPadding = window.outputPadding;
  }

  override forward(x: Tensor): Tensor {
    return apply(new ConvTranspose2dOp(this.window), x, this.weight, this.bias);
  }

  override extraRepr(): string {
    return this.describe(this.outputPadding);
  }
}
