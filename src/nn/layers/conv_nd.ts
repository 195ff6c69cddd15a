import { checkBoolean, checkInteger, readOptions } from "../../checks.ts";
import { OptionError } from "../../errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import {
  conv1d,
  convTranspose1d,
  type ConvTranspose1dOptions as Transposed1d,
  type Conv1dOptions as Window1d,
} from "../functional/conv1d.ts";
import {
  checkTriple,
  conv3d,
  convTranspose3d,
  readVolume,
  type ConvTranspose3dOptions as Transposed3d,
  type Triple,
  type Conv3dOptions as Window3d,
} from "../functional/conv3d.ts";
import { emptyParameter, initWeightAndBias } from "../internal/default_init.ts";
import { formatGiven } from "../internal/describe.ts";
import { Module } from "../module.ts";
import type { Parameter } from "../parameter.ts";

interface LayerOptions<Size> {
  /** Size of the kernel: required. */
  kernelSize: Size;
  /** Whether the layer has a bias. Default true. */
  bias?: boolean;
}

export interface Conv1dLayerOptions extends Window1d, LayerOptions<number> {}
export interface ConvTranspose1dLayerOptions extends Transposed1d, LayerOptions<number> {}
export interface Conv3dLayerOptions extends Window3d, LayerOptions<Triple> {}
export interface ConvTranspose3dLayerOptions extends Transposed3d, LayerOptions<Triple> {}

/** Base of the convolutions of sequences and volumes. */
abstract class ConvolutionNd<Window extends { groups?: number }> extends Module {
  weight: Parameter;
  bias: Parameter | null;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernelSize: readonly number[];
  /** @internal The options of the function. */
  readonly window: Readonly<Window>;

  constructor(
    op: string,
    [inChannels, outChannels]: readonly [number, number],
    kernelSize: readonly number[],
    { bias, window, transposed }: { bias: boolean; window: Window; transposed: boolean },
  ) {
    super();
    this.inChannels = checkInteger(op, "inChannels", inChannels, 1);
    this.outChannels = checkInteger(op, "outChannels", outChannels, 1);
    const groups = checkInteger(op, "groups", window.groups, 1);
    if (inChannels % groups !== 0 || outChannels % groups !== 0) {
      const given = `${inChannels}, ${outChannels} and groups ${groups}`;
      throw new OptionError(`${op}: inChannels and outChannels expected multiples of groups, got ${given}`);
    }
    this.kernelSize = kernelSize;
    this.window = window;
    const channels = transposed ? [inChannels, outChannels / groups] : [outChannels, inChannels / groups];
    this.weight = emptyParameter([...channels, ...kernelSize]);
    this.bias = checkBoolean(op, "bias", bias) ? emptyParameter([outChannels]) : null;
    this.resetParameters();
  }

  /** Initialises the parameters again: uniformly in ±1/√fanIn. */
  resetParameters(): void {
    initWeightAndBias(this.weight, this.bias);
  }

  override extraRepr(): string {
    const kernelSize = this.kernelSize.length === 1 ? this.kernelSize[0] : this.kernelSize;
    const options = formatGiven({ kernelSize, ...this.window, bias: this.bias !== null });
    return `${this.inChannels}, ${this.outChannels}, ${options}`;
  }
}

/** Reads a layer's options; `kernelSize` is required. */
function readLayer<T extends { kernelSize: unknown }>(op: string, options: T, defaults: Required<T>): Required<T> {
  if (typeof options !== "object" || options === null || options.kernelSize === undefined) {
    throw new OptionError(`${op}: options expected { kernelSize, ... }, got ${JSON.stringify(options) ?? "undefined"}`);
  }
  return readOptions(op, options as unknown as Partial<Required<T>>, defaults);
}

const WINDOW = { stride: 1, padding: 0, dilation: 1, groups: 1 };
const LAYER = { ...WINDOW, kernelSize: 1, bias: true };

/** Checks the integers of a window along one dimension. */
function checkLine(op: string, window: Transposed1d | Window1d): void {
  const { stride, padding, dilation, outputPadding } = window as Required<Transposed1d>;
  checkInteger(op, "stride", stride, 1);
  checkInteger(op, "dilation", dilation, 1);
  if (outputPadding !== undefined) checkInteger(op, "outputPadding", outputPadding, 0);
  const isName = typeof padding === "string" && outputPadding === undefined;
  if (isName && padding !== "same" && padding !== "valid") {
    throw new OptionError(`${op}: padding expected an integer, "same" or "valid", got ${JSON.stringify(padding)}`);
  }
  if (!isName) checkInteger(op, "padding", padding, 0);
}

/**
 * 1-D convolution: [N, inChannels, L] to [N, outChannels, L']; see `functional.conv1d`. Matches
 * `torch.nn.Conv1d`.
 *
 * @param options `kernelSize`, `stride` 1, `padding` 0, `dilation` 1, `groups` 1, `bias` true
 * @throws OptionError
 * @example
 * ```ts
 * import { nn, zeros } from "wasmgrad";
 * const conv = new nn.Conv1d(1, 16, { kernelSize: 80, stride: 4 });
 * console.log(conv.forward(zeros([8, 1, 800])).shape); // [8, 16, 181]
 * ```
 */
export class Conv1d extends ConvolutionNd<Required<Window1d>> {
  constructor(inChannels: number, outChannels: number, options: Conv1dLayerOptions) {
    const { kernelSize, bias, ...window } = readLayer("Conv1d", options, LAYER as Required<Conv1dLayerOptions>);
    checkLine("Conv1d", window);
    const kernel = [checkInteger("Conv1d", "kernelSize", kernelSize, 1)];
    super("Conv1d", [inChannels, outChannels], kernel, { bias, window, transposed: false });
  }

  override forward(x: Tensor): Tensor {
    return conv1d(x, this.weight, this.bias, this.window);
  }
}

/** 1-D transposed convolution. Matches `torch.nn.ConvTranspose1d`; see `functional.convTranspose1d`. */
export class ConvTranspose1d extends ConvolutionNd<Required<Transposed1d>> {
  constructor(inChannels: number, outChannels: number, options: ConvTranspose1dLayerOptions) {
    const op = "ConvTranspose1d";
    const { kernelSize, bias, ...window } = readLayer(op, options, { ...LAYER, outputPadding: 0 });
    checkLine(op, window);
    const kernel = [checkInteger(op, "kernelSize", kernelSize, 1)];
    super(op, [inChannels, outChannels], kernel, { bias, window, transposed: true });
  }

  override forward(x: Tensor): Tensor {
    return convTranspose1d(x, this.weight, this.bias, this.window);
  }
}

/**
 * 3-D convolution: [N, inChannels, D, H, W] to [N, outChannels, D', H', W']; see `functional.conv3d`. Matches
 * `torch.nn.Conv3d`.
 *
 * @param options `kernelSize`, `stride` 1, `padding` 0, `dilation` 1 (each an integer or three), `groups` 1,
 *   `bias` true
 * @throws OptionError
 * @example
 * ```ts
 * import { nn, zeros } from "wasmgrad";
 * const conv = new nn.Conv3d(1, 4, { kernelSize: 3, padding: 1 });
 * console.log(conv.forward(zeros([2, 1, 5, 6, 7])).shape); // [2, 4, 5, 6, 7]
 * ```
 */
export class Conv3d extends ConvolutionNd<Required<Window3d>> {
  constructor(inChannels: number, outChannels: number, options: Conv3dLayerOptions) {
    const { kernelSize, bias, ...rest } = readLayer("Conv3d", options, LAYER as Required<Conv3dLayerOptions>);
    const window = readVolume("Conv3d", rest);
    const kernel = checkTriple("Conv3d", "kernelSize", kernelSize, 1);
    super("Conv3d", [inChannels, outChannels], kernel, { bias, window, transposed: false });
  }

  override forward(x: Tensor): Tensor {
    return conv3d(x, this.weight, this.bias, this.window);
  }
}

/** 3-D transposed convolution. Matches `torch.nn.ConvTranspose3d`; see `functional.convTranspose3d`. */
export class ConvTranspose3d extends ConvolutionNd<Required<Transposed3d>> {
  constructor(inChannels: number, outChannels: number, options: ConvTranspose3dLayerOptions) {
    const op = "ConvTranspose3d";
    const defaults = { ...LAYER, outputPadding: 0 } as Required<ConvTranspose3dLayerOptions>;
    const { kernelSize, bias, outputPadding, ...rest } = readLayer(op, options, defaults);
    const window = { ...readVolume(op, rest), outputPadding: checkTriple(op, "outputPadding", outputPadding, 0) };
    const kernel = checkTriple(op, "kernelSize", kernelSize, 1);
    super(op, [inChannels, outChannels], kernel, { bias, window, transposed: true });
  }

  override forward(x: Tensor): Tensor {
    return convTranspose3d(x, this.weight, this.bias, this.window);
  }
}
