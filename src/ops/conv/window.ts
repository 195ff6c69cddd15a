import { checkInteger, checkPair, type Pair, readOptions } from "../../checks.ts";
import { formatShape, OptionError } from "../../errors.ts";

/** How a kernel moves over an image. */
export interface ConvWindowOptions {
  /** Step of the window. Default 1. */
  stride?: Pair;
  /**
   * Number of zeros on each side. Default 0. "valid" means 0; "same" keeps the size (stride 1 only; if the
   * total is odd, the extra zero is at the end).
   */
  padding?: Pair | "same" | "valid";
  /** Distance between the kernel's taps. Default 1. */
  dilation?: Pair;
  /** Input and output channels are split into this many groups, which are convolved separately. Default 1. */
  groups?: number;
}

export interface TransposedConvWindowOptions extends Omit<ConvWindowOptions, "padding"> {
  /** Rows and columns removed from each side of the result. Default 0. */
  padding?: Pair;
  /** Extra rows and columns below and to the right, less than the stride or the dilation. Default 0. */
  outputPadding?: Pair;
}

/**
 * Checked options of a convolution, with single numbers expanded to pairs. A layer creates its window once; a
 * function creates one per call.
 */
export class ConvWindow {
  readonly stride: [number, number];
  readonly padding: [number, number] | "same";
  readonly dilation: [number, number];
  readonly groups: number;

  /** @param op the name that errors start with */
  constructor(op: string, options: ConvWindowOptions | undefined) {
    const defaults = { stride: 1, padding: 0, dilation: 1, groups: 1 } as Required<ConvWindowOptions>;
    const { stride, padding, dilation, groups } = readOptions(op, options, defaults);
    this.stride = checkPair(op, "stride", stride, 1);
    if (typeof padding === "string" && padding !== "same" && padding !== "valid") {
      throw new OptionError(`${op}: padding expected integers, "same" or "valid", got ${JSON.stringify(padding)}`);
    }
    if (padding === "same" && (this.stride[0] !== 1 || this.stride[1] !== 1)) {
      throw new OptionError(`${op}: padding "same" expects stride 1, got ${formatShape(this.stride)}`);
    }
    this.padding = padding === "same" ? padding : checkPair(op, "padding", padding === "valid" ? 0 : padding, 0);
    this.dilation = checkPair(op, "dilation", dilation, 1);
    this.groups = checkInteger(op, "groups", groups, 1);
  }
}

/** Checked options of a transposed convolution. */
export class TransposedConvWindow extends ConvWindow {
  declare readonly padding: [number, number];
  readonly outputPadding: [number, number];

  constructor(op: string, options: TransposedConvWindowOptions | undefined) {
    const defaults = {
      stride: 1,
      padding: 0,
      outputPadding: 0,
      dilation: 1,
      groups: 1,
    } as Required<TransposedConvWindowOptions>;
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
