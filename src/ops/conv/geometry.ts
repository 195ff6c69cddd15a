import { formatShape, ShapeError } from "../../errors.ts";
import type { Address } from "../../runtime/address.ts";
import { geometryWords } from "../../runtime/kernels.generated.ts";
import { intTable } from "../core/array.ts";
import type { ConvWindow, TransposedConvWindow } from "./window.ts";

/**
 * Sizes of a convolution. For a transposed convolution, the sizes of the convolution from its output back to
 * its input.
 */
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
  /** Numbers of zeros above and to the left. */
  padding: [number, number];
  dilation: [number, number];
  outHeight: number;
  outWidth: number;
  /** Size of the input with the zeros on all sides. */
  paddedHeight: number;
  paddedWidth: number;
}

/** Maximum number of pixels of a padded plane: they take 4 GiB, the whole memory. */
const MOST_PIXELS = 2 ** 30;

/** Rejects paddings that cannot fit in memory. Called before anything is computed from sizes beyond int32. */
function checkPadded(op: string, height: number, width: number, shapes: () => string): void {
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
  window: ConvWindow,
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
    // A stride longer than the padded input makes no difference. With a clamped stride, all values computed
    // from it fit in int32.
    stride: [Math.min(stride[0], paddedHeight), Math.min(stride[1], paddedWidth)],
    padding,
    dilation,
    outHeight: Math.floor((paddedHeight - reach[0] - 1) / stride[0]) + 1,
    outWidth: Math.floor((paddedWidth - reach[1] - 1) / stride[1]) + 1,
    paddedHeight,
    paddedWidth,
  };
}

/**
 * Geometry of the convolution that maps the output of a transposed convolution back to its input, `x` [N, Ci,
 * H, W]; `weight` [Ci, Co/groups, KH, KW].
 */
export function convTranspose2dGeometry(
  op: string,
  x: readonly number[],
  weight: readonly number[],
  window: TransposedConvWindow,
): Conv2dGeometry {
  const [images, channels, outHeight, outWidth] = x;
  const [filters, inChannels, ...kernel] = weight as [number, number, number, number];
  const { stride, dilation, groups, padding, outputPadding } = window;
  const shapes = () => `input ${formatShape(x)}, weight ${formatShape(weight)}`;
  if (channels !== filters || channels % groups !== 0) {
    const grouped = groups === 1 ? "" : `, a multiple of ${groups} groups`;
    throw new ShapeError(
      `${op}: weight expects ${filters} input channels${grouped}, input has ${channels} (${shapes()})`,
    );
  }
  if (kernel[0] < 1 || kernel[1] < 1) throw new ShapeError(`${op}: the kernel is empty (${shapes()})`);
  if (channels < 1) throw new ShapeError(`${op}: there are no input channels (${shapes()})`);
  const size = (length: number, i: 0 | 1) =>
    (length - 1) * stride[i] - 2 * padding[i] + dilation[i] * (kernel[i] - 1) + outputPadding[i] + 1;
  const [height, width] = [size(outHeight, 0), size(outWidth, 1)];
  if (height < 1 || width < 1 || outHeight < 1 || outWidth < 1) {
    throw new ShapeError(`${op}: the result would be ${height} x ${width} pixels (${shapes()})`);
  }
  const [paddedHeight, paddedWidth] = [height + 2 * padding[0], width + 2 * padding[1]];
  checkPadded(op, paddedHeight, paddedWidth, shapes);
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

/** Writes the table that the kernels read, in the running frame's scratch, and returns its address. */
export function geometryTable(g: Conv2dGeometry): Address {
  const geometry = geometryWords({
    channels: g.inChannels,
    height: g.height,
    width: g.width,
    kernelHeight: g.kernel[0],
    kernelWidth: g.kernel[1],
    strideHeight: g.stride[0],
    strideWidth: g.stride[1],
    paddingHeight: g.padding[0],
    paddingWidth: g.padding[1],
    dilationHeight: g.dilation[0],
    dilationWidth: g.dilation[1],
    outHeight: g.outHeight,
    outWidth: g.outWidth,
    paddedHeight: g.paddedHeight,
    paddedWidth: g.paddedWidth,
  });
  return intTable(geometry);
}
