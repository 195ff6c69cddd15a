// Copies images into frames of zeros, so that the inner loops of convolutions need not check whether a tap is
// inside the image.

/**
 * out[plane][top + y][left + x] = x[plane][y][x], and 0 elsewhere. x: [planes][height][width]; out:
 * [planes][paddedHeight][paddedWidth]. Unit: one plane.
 */
export function padPlanes(
  begin: i32, end: i32, x: usize, height: i32, width: i32, top: i32, left: i32, out: usize, paddedHeight: i32, paddedWidth: i32,
): void {
  assert(top + height <= paddedHeight && left + width <= paddedWidth, "padPlanes: x fits");
  const right = paddedWidth - left - width;
  for (let plane = begin; plane < end; plane++) {
    let from = x + (<usize>(plane * height * width) << 2);
    let to = out + (<usize>(plane * paddedHeight * paddedWidth) << 2);
    to = zeros(to, top * paddedWidth + left);
    for (let y = 0; y < height; y++) {
      to = copyRow(to, from, width);
      from += <usize>width << 2;
      to = zeros(to, y + 1 < height ? right + left : right + (paddedHeight - top - height) * paddedWidth);
    }
  }
}

/**
 * Writes `count` zeros and returns the address after them. Rows are too short for memory.fill and
 * memory.copy, which call code outside the module.
 */
// @ts-ignore: decorator
@inline
function zeros(to: usize, count: i32): usize {
  for (; count >= 4; count -= 4, to += 16) v128.store(to, f32x4.splat(0));
  for (; count > 0; count--, to += 4) f32.store(to, 0);
  return to;
}

// @ts-ignore: decorator
@inline
function copyRow(to: usize, from: usize, count: i32): usize {
  for (; count >= 4; count -= 4, to += 16, from += 16) v128.store(to, v128.load(from));
  for (; count > 0; count--, to += 4, from += 4) f32.store(to, f32.load(from));
  return to;
}
