import { checkPair, type Pair, readOptions } from "../../checks.ts";
import { formatShape, OptionError, ShapeError } from "../../errors.ts";
import { expectFloat, expectRank, type NDArray } from "../core/array.ts";
import { type Gradients, Op } from "../core/op.ts";
import { noteAlgorithm } from "../core/recorder.ts";
import { beforeRelu } from "../elementwise/relu.ts";
import { asBatch, channelSums, checkBias } from "./conv2d.ts";
import { type Conv2dGeometry, type Conv2dOptions, checkPadded, Window } from "./geometry.ts";
import { convForward, convGradInput, convGradWeight } from "./implicit_gemm.ts";

export interface ConvTranspose2dOptions extends Omit<Conv2dOptions, "padding"> {
  /** Rows and columns cut off each side of the result. Default 0. */
  padding?: Pair;
  /** Extra rows and columns below and to the right, less than the stride or the dilation. Default 0. */
  outputPadding?: Pair;
}

/** Options that are checked, with every pair spelt out. */
export class TransposedWindow extends Window {
  declare readonly padding: [number, number];
  readonly outputPadding: [number, number];

  constructor(op: string, options: ConvTranspose2dOptions | undefined) {
    const defaults = {
      stride: 1,
      padding: 0,
      outputPadding: 0,
      dilation: 1,
      groups: 1,
    } as Required<ConvTranspose2dOptions>;
    const { outputPadding, ...window } = readOptions(op, options, defaults);
    super(op, { ...window, padding: checkPair(op, "padding", window.padding, 0) });
    this.outputPadding = checkPair(op, "outputPadding", outputPadding, 0);
    const { stride, dilation } = this;
    if (this.outputPadding.some((extra, i) => extra >= Math.max(stride[i], dilation[i]))) {
      throw new OptionError(
        `${op}: outputPadding must be smaller than stride or dilation, got ${formatShape(this.outputPadding)} ` +
          `(stride ${formatShape(stride)}, dilation ${formatShape(dilation)})`,
      );
    }
  }
}

/**
 * The gradient of a convolution with respect to its input, as a layer of its own: each input pixel paints the kernel, scaled by
 * its value, into the output. weight: [Ci, Co/groups, KH, KW]. See F.convTranspose2d.
 *
 * So forward is the input gradient of the convolution that maps the output back to the input, its own input gradient is that
 * convolution, and its weight gradient the same with the two exchanged.
 */
export class ConvTranspose2d extends Op {
  readonly name = "convTranspose2d";
  readonly #window: TransposedWindow;
  readonly #relu: boolean;
  /** Of the convolution from the output back to the input. */
  #geometry!: Conv2dGeometry;
  #inputShape!: readonly number[];

  constructor(options?: ConvTranspose2dOptions, relu = false) {
    super();
    this.#window = options instanceof TransposedWindow ? options : new TransposedWindow(this.name, options);
    this.#relu = relu;
  }

  override get required(): number {
    return 2;
  }

  forward(x: NDArray, weight: NDArray, bias: NDArray | null): NDArray {
    expectFloat(this.name, x, weight, bias);
    const input = asBatch(this.name, x);
    expectRank(this.name, "weight", weight, 4, "[Ci,Co/groups,KH,KW]");
    checkBias(this.name, bias, weight.shape[1] * this.#window.groups);
    this.#inputShape = x.shape;
    this.#geometry = this.#geometryOf(input.shape, weight.shape);
    noteAlgorithm("gemm");
    const out = convGradInput(input, weight, bias, this.#geometry, this.#relu);
    this.save(this.needs[1] ? input : null, this.needs[0] ? weight : null, this.#relu ? out : null);
    return x.shape.length === 3 ? out.withShape(out.shape.slice(1)) : out;
  }

  override backward(dOut: NDArray): Gradients {
    const [input, weight, out] = this.saved;
    const after = asBatch(this.name, dOut);
    const dy = out ? beforeRelu(after, out) : after;
    noteAlgorithm("gemm");
    return [
      this.needs[0] ? convForward(dy, weight!, null, this.#geometry, false).withShape(this.#inputShape) : null,
      this.needs[1] ? convGradWeight(dy, input!, this.#geometry) : null,
      this.needs[2] ? channelSums(dy) : null,
    ];
  }

  #geometryOf(x: readonly number[], weight: readonly number[]): Conv2dGeometry {
    const [images, channels, outHeight, outWidth] = x;
    const [filters, inChannels, ...kernel] = weight as [number, number, number, number];
    const { stride, dilation, groups, padding, outputPadding } = this.#window;
    const shapes = () => `input ${formatShape(x)}, weight ${formatShape(weight)}`;
    if (channels !== filters || channels % groups !== 0) {
      const grouped = groups === 1 ? "" : `, a multiple of ${groups} groups`;
      throw new ShapeError(
        `convTranspose2d: weight expects ${filters} input channels${grouped}, input has ${channels} (${shapes()})`,
      );
    }
    if (kernel[0] < 1 || kernel[1] < 1) throw new ShapeError(`convTranspose2d: the kernel is empty (${shapes()})`);
    if (channels < 1) throw new ShapeError(`convTranspose2d: there are no input channels (${shapes()})`);
    const size = (length: number, i: 0 | 1) =>
      (length - 1) * stride[i] - 2 * padding[i] + dilation[i] * (kernel[i] - 1) + outputPadding[i] + 1;
    const [height, width] = [size(outHeight, 0), size(outWidth, 1)];
    if (height < 1 || width < 1 || outHeight < 1 || outWidth < 1) {
      throw new ShapeError(`convTranspose2d: the result would be ${height} x ${width} pixels (${shapes()})`);
    }
    const [paddedHeight, paddedWidth] = [height + 2 * padding[0], width + 2 * padding[1]];
    checkPadded("convTranspose2d", paddedHeight, paddedWidth, shapes);
    return {
      images,
      groups,
      inChannels,
      outChannels: channels / groups,
      height,
      width,
      kernel,
      stride: [Math.min(stride[0], paddedHeight), Math.min(stride[1], paddedWidth)],
      padding,
      dilation,
      outHeight,
      outWidth,
      paddedHeight,
      paddedWidth,
    };
  }
}
