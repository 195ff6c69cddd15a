/**
 * Convolutions, ReLU and 2x2 max pooling with their gradients, in float64 and by the definition: loops over
 * every product.
 */

export interface ConvSizes {
  images: number;
  groups: number;
  /** Channels of one group of the input and of the output. */
  inChannels: number;
  outChannels: number;
  /**
   * [height, width] of the input, the kernel and the output, and the padding above and to the left of the
   * input.
   */
  size: readonly [number, number];
  kernel: readonly [number, number];
  stride: readonly [number, number];
  before: readonly [number, number];
  dilation: readonly [number, number];
  out: readonly [number, number];
}

/** Calls `body(position in x, in the weight, in the output)` for every product of a convolution. */
export function eachProduct(s: ConvSizes, body: (x: number, w: number, y: number) => void): void {
  const [height, width] = s.size;
  const [kernelHeight, kernelWidth] = s.kernel;
  let y = 0;
  for (let n = 0; n < s.images; n++) {
    for (let channel = 0; channel < s.groups * s.outChannels; channel++) {
      const firstIn = (n * s.groups + Math.floor(channel / s.outChannels)) * s.inChannels;
      for (let oy = 0; oy < s.out[0]; oy++) {
        for (let ox = 0; ox < s.out[1]; ox++, y++) {
          for (let ci = 0; ci < s.inChannels; ci++) {
            for (let kh = 0; kh < kernelHeight; kh++) {
              const iy = oy * s.stride[0] + kh * s.dilation[0] - s.before[0];
              if (iy < 0 || iy >= height) continue;
              for (let kw = 0; kw < kernelWidth; kw++) {
                const ix = ox * s.stride[1] + kw * s.dilation[1] - s.before[1];
                if (ix < 0 || ix >= width) continue;
                const w = ((channel * s.inChannels + ci) * kernelHeight + kh) * kernelWidth + kw;
                body(((firstIn + ci) * height + iy) * width + ix, w, y);
              }
            }
          }
        }
      }
    }
  }
}

/** The maximum of each 2x2 window, and its position: the first of equal maxima, or the last NaN. */
export function pool2x2(x: Float64Array, planes: number, height: number, width: number) {
  const [rows, columns] = [height >> 1, width >> 1];
  const y = new Float64Array(planes * rows * columns);
  const at = new Int32Array(y.length);
  for (let o = 0; o < y.length; o++) {
    const plane = Math.floor(o / (rows * columns));
    const corner = (plane * height + 2 * (Math.floor(o / columns) % rows)) * width + 2 * (o % columns);
    at[o] = corner;
    for (const i of [corner + 1, corner + width, corner + width + 1]) {
      if (x[i] > x[at[o]] || Number.isNaN(x[i])) at[o] = i;
    }
    y[o] = x[at[o]];
  }
  return { y, at };
}
