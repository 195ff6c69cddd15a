// The gradients of rung 5. winograd.md derives the formula of the weight's gradient.

import { matmulRegisterTile } from "../../matmul/ladder/4_register_tile";
import { convolve, positionBytes, tilesAcross, tilesOf } from "./5_winograd_f2";
import { offset, Sizes } from "./sizes";
import { spread } from "./spread";
import { kernelOf, POSITIONS, transformGradients, transformPatches } from "./5_winograd_f2_transforms";

/** conv2dGradInputNaive: the same convolution with rotated kernels and exchanged channels. */
export function conv2dGradInputWinograd2(
  dOut: usize, weight: usize, bias: usize, sizes: usize, dx: usize, work: usize,
): void {
  const s = changetype<Sizes>(sizes);
  convolve(dOut, s.N, s.Co, s.OH, s.OW, 2 - s.paddingH, 2 - s.paddingW, weight, true, bias, dx, s.Ci, s.H, s.W, work);
}

/** conv2dGradWeightNaive: the formula transposed, dg = G' [ sum over tiles of (A dY A') . (B' d B) ] G. */
export function conv2dGradWeightWinograd2(x: usize, dOut: usize, sizes: usize, dWeight: usize, work: usize): void {
  const s = changetype<Sizes>(sizes);
  const tilesY = tilesOf(s.OH);
  const tilesX = tilesAcross(s.OW);
  const tiles = s.N * tilesY * tilesX;
  const padded = work + 512;
  const patches = padded + offset(s.N * max(s.Ci, s.Co), 2 * tilesY + 2, 2 * tilesX + 2, 0, 0);
  const gradients = patches + positionBytes(s.Ci * tiles);
  const products = gradients + positionBytes(s.Co * tiles);
  const patchStep = positionBytes(s.Ci * tiles) / POSITIONS;
  const gradientStep = positionBytes(s.Co * tiles) / POSITIONS;
  const productStep = positionBytes(s.Co * s.Ci) / POSITIONS;
  spread(x, s.N * s.Ci, s.H, s.W, padded, 2 * tilesY + 2, 2 * tilesX + 2, s.paddingH, s.paddingW, 1, 1);
  transformPatches(padded, s.N, s.Ci, tilesY, tilesX, patches, patchStep, 4, <usize>s.Ci << 2, work);
  spread(dOut, s.N * s.Co, s.OH, s.OW, padded, 2 * tilesY, 2 * tilesX, 0, 0, 1, 1);
  transformGradients(padded, s.N, s.Co, tilesY, tilesX, gradients, gradientStep, <usize>tiles << 2, work);
  for (let n: usize = 0; n < POSITIONS; n++) {
    matmulRegisterTile(
      gradients + n * gradientStep, patches + n * patchStep, products + n * productStep, s.Co, s.Ci, tiles,
    );
  }
  for (let pair: usize = 0; pair < <usize>(s.Co * s.Ci); pair++) {
    const from = products + (pair << 2);
    for (let j: usize = 0; j < 4; j++) {
      const u = from + j * productStep;
      kernelOf(
        load<f32>(u), load<f32>(u + 4 * productStep), load<f32>(u + 8 * productStep), load<f32>(u + 12 * productStep),
        work + (j << 2), 16,
      );
    }
    for (let row: usize = 0; row < 3; row++) {
      const u = work + (row << 4);
      kernelOf(load<f32>(u), load<f32>(u, 4), load<f32>(u, 8), load<f32>(u, 12), dWeight + pair * 36 + row * 12, 4);
    }
  }
}
