// Rung 5: Winograd's F(2x2, 3x3). 2x2 pixels of the output are computed together, from 4x4 pixels of the
// input, with 16 multiplications per pair of channels instead of 36. winograd.md derives it.
//
//   Y = A' [ (G g G') . (B' d B) ] A       (' transposes, . multiplies element by element)
//
//        1  0 -1  0            1   0   0
//   B' = 0  1  1  0       G = .5  .5  .5       A' = 1  1  1  0
//        0 -1  1  0           .5 -.5  .5            0  1 -1 -1
//        0  1  0 -1            0   0   1
//
// Supports 3x3 kernels of stride 1 and dilation 1 in one group; 4_direct_simd.ts computes the rest. The
// gradients are in 5_winograd_f2_gradients.ts.

import { matmulRegisterTile } from "../../matmul/ladder/4_register_tile";
import { offset, Sizes } from "./sizes";
import { spread } from "./spread";
import { POSITIONS, transformKernels, transformOutput, transformPatches } from "./5_winograd_f2_transforms";

/** Bytes between positions, so that they do not all fall on the same few sets of the cache. */
const GAP: usize = 64;

// @ts-ignore: decorator
@inline
export function tilesOf(height: i32): i32 {
  return (height + 1) >> 1;
}

/** Tiles of a row, rounded up to a multiple of four. */
// @ts-ignore: decorator
@inline
export function tilesAcross(width: i32): i32 {
  return ((width + 7) >> 3) << 2;
}

/** Bytes of an array of 16 positions of `size` floats each. */
// @ts-ignore: decorator
@inline
export function positionBytes(size: i32): usize {
  return POSITIONS * ((<usize>size << 2) + GAP);
}

/** Bytes of work that each pass here needs. */
export function conv2dWinograd2Work(sizes: usize): i32 {
  const s = changetype<Sizes>(sizes);
  const tilesY = tilesOf(max(s.OH, s.H));
  const tilesX = tilesAcross(max(s.OW, s.W));
  const channels = s.Ci + s.Co;
  const images = s.N * channels * ((2 * tilesY + 2) * (2 * tilesX + 2) + 16 * tilesY * tilesX);
  return 512 + (images << 2) + <i32>(positionBytes(s.Ci * s.Co) + 2 * POSITIONS * GAP);
}

/**
 * out [N][outputs][height][width] from x [N][inputs][xHeight][xWidth] with `top` rows and `left`
 * columns of zeros before it.
 */
export function convolve(
  x: usize, images: i32, inputs: i32, xHeight: i32, xWidth: i32, top: i32, left: i32, weight: usize, turned: bool, bias: usize,
  out: usize, outputs: i32, height: i32, width: i32, work: usize,
): void {
  const tilesY = tilesOf(height);
  const tilesX = tilesAcross(width);
  const tiles = images * tilesY * tilesX;
  const padded = work + 512;
  const patches = padded + offset(images * inputs, 2 * tilesY + 2, 2 * tilesX + 2, 0, 0);
  const kernels = patches + positionBytes(inputs * tiles);
  const products = kernels + positionBytes(outputs * inputs);
  const patchStep = positionBytes(inputs * tiles) / POSITIONS;
  const kernelStep = positionBytes(outputs * inputs) / POSITIONS;
  const productStep = positionBytes(outputs * tiles) / POSITIONS;
  spread(x, images * inputs, xHeight, xWidth, padded, 2 * tilesY + 2, 2 * tilesX + 2, top, left, 1, 1);
  transformPatches(padded, images, inputs, tilesY, tilesX, patches, patchStep, <usize>tiles << 2, 4, work);
  transformKernels(weight, outputs, inputs, turned, kernels, kernelStep, work);
  for (let n: usize = 0; n < POSITIONS; n++) {
    matmulRegisterTile(
      kernels + n * kernelStep, patches + n * patchStep, products + n * productStep, outputs, tiles, inputs,
    );
  }
  transformOutput(products, productStep, images, outputs, tilesY, tilesX, bias, out, height, width, work);
}

/** conv2dNaive for the kernels that are supported (see above). work: conv2dWinograd2Work(sizes) bytes. */
export function conv2dWinograd2(x: usize, weight: usize, bias: usize, sizes: usize, out: usize, work: usize): void {
  const s = changetype<Sizes>(sizes);
  convolve(x, s.N, s.Ci, s.H, s.W, s.paddingH, s.paddingW, weight, false, bias, out, s.Co, s.OH, s.OW, work);
}
