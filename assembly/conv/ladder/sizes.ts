// The sizes of a convolution, named like the axes in the README and shared by the rungs here.

/**
 * An int32 table. Ci and Co are the channels of one group: x is [N][G Ci][H][W], weight [G Co][Ci][KH][KW],
 * out [N][G Co][OH][OW]. A struct without a constructor: its fields are read straight from the table.
 */
@unmanaged
export class Sizes {
  /** Images, groups, and the input and output channels of one group. */
  N!: i32;
  G!: i32;
  Ci!: i32;
  Co!: i32;
  H!: i32;
  W!: i32;
  KH!: i32;
  KW!: i32;
  strideH!: i32;
  strideW!: i32;
  /** Zeros above and to the left. */
  paddingH!: i32;
  paddingW!: i32;
  dilationH!: i32;
  dilationW!: i32;
  OH!: i32;
  OW!: i32;
}

/** Byte offset of element (plane, row, column) of an array of planes of height x width. */
// @ts-ignore: decorator
@inline
export function offset(plane: i32, height: i32, width: i32, row: i32, column: i32): usize {
  return <usize>((plane * height + row) * width + column) << 2;
}
