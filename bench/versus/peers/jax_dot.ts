/**
 * The layers made of shifted slices and matrix products, which are forty times faster in jax-js than its own
 * convolution.
 */
import { type Array as JaxArray, numpy as np } from "@jax-js/jax";

/**
 * A 3x3 convolution with padding 1: nine shifted copies side by side, [C 9, N H W], then one matrix product.
 */
export function convPatches(x: JaxArray, weight: JaxArray): JaxArray {
  const [batch, channels, height, width] = x.shape;
  const filters = weight.shape[0];
  const padded = np.pad(x, [
    [0, 0],
    [0, 0],
    [1, 1],
    [1, 1],
  ]);
  const shifted: JaxArray[] = [];
  for (let i = 0; i < 3; i++) {
    for (let j = 0; j < 3; j++) shifted.push(padded.ref.slice([], [], [i, i + height], [j, j + width]));
  }
  padded.dispose();
  const columns = np.stack(shifted, 2); // [N, C, 9, H, W]
  const matrix = np.transpose(columns, [1, 2, 0, 3, 4]).reshape([channels * 9, batch * height * width]);
  const product = np.matmul(weight.reshape([filters, channels * 9]), matrix);
  return np.transpose(product.reshape([filters, batch, height, width]), [1, 0, 2, 3]);
}

/** Kernel 2, stride 2: each input pixel makes a separate 2x2 block. weight [in, out, 2, 2]. */
export function convTransposeBlocks(x: JaxArray, weight: JaxArray): JaxArray {
  const [batch, channels, height, width] = x.shape;
  const filters = weight.shape[1];
  const pixels = np.transpose(x, [0, 2, 3, 1]).reshape([batch * height * width, channels]);
  const blocks = np.matmul(pixels, weight.reshape([channels, filters * 4]));
  const apart = blocks.reshape([batch, height, width, filters, 2, 2]);
  return np.transpose(apart, [0, 3, 1, 4, 2, 5]).reshape([batch, filters, 2 * height, 2 * width]);
}

export function maxPoolSlices(x: JaxArray): JaxArray {
  const [batch, channels, height, width] = x.shape;
  return np.max(x.reshape([batch, channels, height / 2, 2, width / 2, 2]), [3, 5]);
}
