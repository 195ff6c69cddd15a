// The sizes of a convolution as its kernels read them.

/**
 * The sizes of a convolution, an int32 table written by src/ops/conv/geometry.ts. A struct without a
 * constructor: its fields are read straight from the table.
 */
@unmanaged
export class Geometry {
  /** Channels of one group of the convolution's input. */
  channels!: i32;
  /** Size of the convolution's input, without padding. */
  height!: i32;
  width!: i32;
  kernelHeight!: i32;
  kernelWidth!: i32;
  strideHeight!: i32;
  strideWidth!: i32;
  paddingHeight!: i32;
  paddingWidth!: i32;
  dilationHeight!: i32;
  dilationWidth!: i32;
  outHeight!: i32;
  outWidth!: i32;
  /** Size of the input with padding on both sides. */
  paddedHeight!: i32;
  paddedWidth!: i32;
}

/** Asserts that the last tap of the last output pixel lies in the padded input. */
// @ts-ignore: decorator
@inline
export function assertInside(g: Geometry): void {
  const lastY = (g.outHeight - 1) * g.strideHeight + (g.kernelHeight - 1) * g.dilationHeight;
  const lastX = (g.outWidth - 1) * g.strideWidth + (g.kernelWidth - 1) * g.dilationWidth;
  assert(lastY < g.paddedHeight && lastX < g.paddedWidth, "conv2d: the kernel stays in the padded input");
}
