import { checkInteger, checkPair, type Pair, readOptions } from "../../checks.ts";
import { formatShape, OptionError, ShapeError } from "../../errors.ts";
import { intTable } from "../core/array.ts";

/** Sizes of a convolution, or of the one whose input gradient a transposed convolution computes. */
export interface Conv2dGeometry {
  images: number;
  groups: number;
  /** Channels of one group of the input and of the output. */
  inChannels: number;
  outChannels: number;
  height: number;
  width: number;
  kernel: [number, number];
  stride: [number, number];
  /** Zeros above and to the left … */
  padding: [number, number];
  dilation: [number, number];
  outHeight: number;
  outWidth: number;
  /** … and the size of the input with the zeros on all sides. */
  paddedHeight: number;
  paddedWidth: number;
}

export interface Conv2dOptions {
  /** Step of the window. Default 1. */
  stride?: Pair;
  /** Zeros on each side. Default 0. "valid" is 0; "same" keeps the size (stride 1 only; an odd total puts the extra zero after). */
  padding?: Pair | "same" | "valid";
  /** Distance between the kernel's taps. Default 1. */
  dilation?: Pair;
  /** Input and output channels are split into this many groups, which do not see each other. Default 1. */
  groups?: number;
}

/** Options that are checked, with every pair spelt out: a layer reads its own once. */
export class Window {
  readonly stride: [number, number];
  readonly padding: [number, number] | "same";
  readonly dilation: [number, number];
  readonly groups: number;

  constructor(op: string, options: Conv2dOptions | undefined) {
    const defaults = { stride: 1, padding: 0, dilation: 1, groups: 1 } as Required<Conv2dOptions>;
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

export function checkWindow(op: string, options: Conv2dOptions | undefined): Window {
  return options instanceof Window ? options : new Window(op, options);
}

/** Pixels of a padded plane that memory can hold at all: 4 GiB. */
const MOST_PIXELS = 2 ** 30;

/** Refuses paddings that no memory holds, before anything is computed from sizes beyond int32. */
export function checkPadded(op: string, height: number, width: number, shapes: () => string): void {
  if (height * width > MOST_PIXELS) {
    throw new ShapeError(
      `${op}: with its padding a plane would have ${height} x ${width} pixels; memory holds at most ${MOST_PIXELS} (${shapes()})`,
    );
  }
}

/** Geometry of a convolution of `x` [N, groups*Ci, H, W] with `weight` [groups*Co, Ci, KH, KW]. */
export function conv2dGeometry(
  op: string,
  x: readonly number[],
  weight: readonly number[],
  window: Window,
): Conv2dGeometry {
  const [images, channels, height, width] = x;
  const [filters, inChannels, ...kernel] = weight as [number, number, number, number];
  const { stride, dilation, groups } = window;
  const shapes = () => `input ${formatShape(x)}, weight ${formatShape(weight)}`;
  if (kernel[0] < 1 || kernel[1] < 1) throw new ShapeError(`${op}: the kernel is empty (${shapes()})`);
  if (inChannels < 1) throw new ShapeError(`${op}: there are no input channels (${shapes()})`);
  if (channels !== inChannels * groups) {
    const grouped = groups === 1 ? "" : ` in each of ${groups} groups`;
    throw new ShapeError(
      `${op}: weight expects ${inChannels} input channels${grouped}, input has ${channels} (${shapes()})`,
    );
  }
  if (filters % groups !== 0) {
    throw new ShapeError(`${op}: ${filters} output channels cannot be split into ${groups} groups (${shapes()})`);
  }
  const reach = [dilation[0] * (kernel[0] - 1), dilation[1] * (kernel[1] - 1)];
  const same = window.padding === "same";
  const padding = (same ? reach.map((r) => Math.floor(r / 2)) : window.padding) as [number, number];
  const paddedHeight = height + (same ? reach[0] : 2 * padding[0]);
  const paddedWidth = width + (same ? reach[1] : 2 * padding[1]);
  if (paddedHeight <= reach[0] || paddedWidth <= reach[1]) {
    throw new ShapeError(
      `${op}: a kernel that reaches over ${reach[0] + 1} x ${reach[1] + 1} pixels does not fit the padded input of ` +
        `${paddedHeight} x ${paddedWidth} (${shapes()})`,
    );
  }
  checkPadded(op, paddedHeight, paddedWidth, shapes);
  return {
    images,
    groups,
    inChannels,
    outChannels: filters / groups,
    height,
    width,
    kernel,
    // a longer step leaves the padded input as well, and this one is an int32 in all that is computed from it
    stride: [Math.min(stride[0], paddedHeight), Math.min(stride[1], paddedWidth)],
    padding,
    dilation,
    outHeight: Math.floor((paddedHeight - reach[0] - 1) / stride[0]) + 1,
    outWidth: Math.floor((paddedWidth - reach[1] - 1) / stride[1]) + 1,
    paddedHeight,
    paddedWidth,
  };
}

/** Writes the table that the kernels read (class Geometry in assembly/conv/implicit_gemm.ts) and returns its address. */
export function geometryTable(g: Conv2dGeometry): number {
  return intTable([
    g.inChannels,
    g.height,
    g.width,
    ...g.kernel,
    ...g.stride,
    ...g.padding,
    ...g.dilation,
    g.outHeight,
    g.outWidth,
    g.paddedHeight,
    g.paddedWidth,
  ]);
}
