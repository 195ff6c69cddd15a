// Rung 1 of max pooling: the definition.

/**
 * Stores the largest x of one window of a plane in y, and its position row * W + column in index unless index
 * is 0. The first of equal elements wins, and a NaN beats every number. A window without elements gives
 * -Infinity and -1.
 */
export function maxOfWindow(
  plane: usize, height: i32, width: i32, top: i32, left: i32, kernelH: i32, kernelW: i32, dilationH: i32, dilationW: i32,
  y: usize, index: usize,
): void {
  let at = -1;
  let best: f32 = -Infinity;
  for (let kh = 0; kh < kernelH; kh++) {
    const row = top + kh * dilationH;
    if (row < 0 || row >= height) continue;
    for (let kw = 0; kw < kernelW; kw++) {
      const column = left + kw * dilationW;
      if (column < 0 || column >= width) continue;
      const value = load<f32>(plane + (<usize>(row * width + column) << 2));
      if (at < 0 || value > best || value != value) {
        best = value;
        at = row * width + column;
      }
    }
  }
  store<f32>(y, best);
  if (index) store<i32>(index, at);
}

/**
 * y[plane][oy][ox] = max over kh, kw of x[plane][oy stride + kh dilation - padding][…], and the position of
 * the maximum. Any sizes.
 */
export function maxPool2dNaive(
  planes: i32, x: usize, y: usize, index: usize, height: i32, width: i32, outH: i32, outW: i32,
  kernelH: i32, kernelW: i32, strideH: i32, strideW: i32, paddingH: i32, paddingW: i32, dilationH: i32, dilationW: i32,
): void {
  let to: usize = 0;
  for (let p = 0; p < planes; p++) {
    const plane = x + (<usize>(p * height * width) << 2);
    for (let oy = 0; oy < outH; oy++) {
      for (let ox = 0; ox < outW; ox++, to += 4) {
        maxOfWindow(
          plane, height, width, oy * strideH - paddingH, ox * strideW - paddingW, kernelH, kernelW, dilationH, dilationW,
          y + to, index ? index + to : 0,
        );
      }
    }
  }
}

/** dx = 0, then dx[plane][index[o]] += dy[o]. outputs and inputs: elements of a plane of y and of x. */
export function maxPool2dGradNaive(planes: i32, dy: usize, index: usize, dx: usize, outputs: i32, inputs: i32): void {
  memory.fill(dx, 0, <usize>(planes * inputs) << 2);
  for (let p = 0; p < planes; p++) {
    for (let o = 0; o < outputs; o++, dy += 4, index += 4) {
      const at = load<i32>(index);
      if (at < 0) continue;
      const to = dx + (<usize>(p * inputs + at) << 2);
      store<f32>(to, load<f32>(to) + load<f32>(dy));
    }
  }
}
