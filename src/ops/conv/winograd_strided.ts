import { NULL, offset } from "../../runtime/address.ts";
import {
  MR,
  NR,
  type PhaseWindows,
  phaseWindowsWords,
  STRIDED_KERNEL_WORK_BYTES,
  STRIDED_OUTPUT_WORK_BYTES,
  STRIDED_PATCH_WORK_BYTES,
  STRIDED_POSITIONS,
  Start,
} from "../../runtime/kernels.generated.ts";
import { empty, intTable, type NDArray, sizeOf, zeros } from "../core/array.ts";
import { columnPanelBytes, rowPanelBytes } from "../matmul/gemm.ts";
import type { ConvPasses } from "./algorithm.ts";
import type { Conv2dGeometry } from "./geometry.ts";
import { kernels as kernelsOf, launch } from "./kernels.ts";
import { imagesOf } from "./pad_planes.ts";
import { forParts, GRAIN, PANEL_GRAIN } from "./winograd_plan.ts";
import {
  ALL_POSITIONS,
  allocate,
  filterBlock,
  GRAD_CHUNK_TILES,
  hasAllTaps,
  matricesOf,
  matrixAt,
  multiply,
  PHASES,
  positionsOf,
  supportsStrided,
  tilesOf,
  transformedKernels,
  workFor,
} from "./winograd_strided_plan.ts";

/**
 * The passes of a 3x3 or 4x4 convolution of stride 2 by Winograd's F(4x4, 2x2), applied to the four phases of
 * its input: 39 % of the multiplications for 4x4 kernels, 56 % for 3x3 (see
 * assembly/conv/winograd/strided_transforms.ts). The relative error is about 1e-6, two to three times that of
 * a direct sum.
 */

/** The windows of the forward pass: phase (r, s) begins at row r and column s. */
const forwardWindows = (height: number, width: number, phaseBytes: number): PhaseWindows => ({
  stride: 2,
  row0: 0,
  row1: 1,
  column0: 0,
  column1: 1,
  height,
  width,
  phaseBytes,
});

/** The size of the padded images that the tiles of the forward pass read. */
function paddedSize(g: Conv2dGeometry, tilesY: number, tilesX: number): [number, number] {
  return [Math.max(8 * tilesY + 2, g.height + g.padding[0]), Math.max(8 * tilesX + 2, g.width + g.padding[1])];
}

function forward(x: NDArray, weight: NDArray, bias: NDArray | null, g: Conv2dGeometry, relu: boolean): NDArray {
  const { images, inChannels, outChannels, outHeight, outWidth } = g;
  const out = empty([images, outChannels, outHeight, outWidth]);
  if (out.size === 0) return out;
  const { tilesY, tilesX, chunk } = tilesOf(outHeight, outWidth, 4);
  const [height, width] = paddedSize(g, tilesY, tilesX);
  const isOneSum = hasAllTaps(g);
  const depth = isOneSum ? PHASES * inChannels : inChannels;
  const kernels = transformedKernels(weight, g, false);
  const block = filterBlock(outChannels);
  forParts(images, chunk, (first, count) => {
    const tiles = count * tilesY * tilesX;
    const panels = Math.ceil(tiles / NR);
    const padded = imagesOf(x).pad(first, count, g.padding, height, width);
    const panelBytes = columnPanelBytes(NR, depth);
    const patches = allocate(panels * panelBytes, isOneSum ? 1 : PHASES);
    const phaseBytes = isOneSum ? columnPanelBytes(NR, inChannels) : STRIDED_POSITIONS * patches.step;
    const windows = intTable(phaseWindowsWords(forwardWindows(height, width, phaseBytes)));
    // biome-ignore format: the kernel's argument list
    launch(
      "stridedPatchesByTile", panels, PANEL_GRAIN, padded, count, inChannels, tilesY, tilesX, windows, patches.address,
      patches.step, panelBytes, workFor(panels, STRIDED_PATCH_WORK_BYTES, PANEL_GRAIN), PANEL_GRAIN,
    );
    const products = allocate(4 * block * tiles);
    forParts(outChannels, block, (filter, filters) => {
      const ofBlock = { address: offset(kernels.address, rowPanelBytes(filter, depth)), step: kernels.step };
      const sizes = [filters, tiles, depth] as const;
      if (isOneSum) multiply(ALL_POSITIONS, ofBlock, patches, products, sizes);
      else {
        for (let phase = 0; phase < PHASES; phase++) {
          const [left, right] = [matricesOf(phase, ofBlock), matricesOf(phase, patches)];
          multiply(positionsOf(phase, g.kernel), left, right, products, sizes, phase === 0 ? Start.Zero : Start.C);
        }
      }
      const biasOf = bias ? offset(bias.address, 4 * filter) : NULL;
      const to = offset(out.address, 4 * (first * outChannels + filter) * outHeight * outWidth);
      // biome-ignore format: the kernel's argument list
      launch(
        "stridedOutput", filters, GRAIN, products.address, count, outChannels, tilesY, tilesX, products.step, biasOf,
        Number(relu), to, outHeight, outWidth, workFor(filters, STRIDED_OUTPUT_WORK_BYTES), GRAIN,
      );
    });
  });
  return out;
}

/**
 * dx [N, Ci, H, W]: each of its four phases is a convolution of dOut with the 2x2 taps of that phase. With
 * bias and ReLU, this is the forward pass of the transposed convolution.
 */
export function stridedGradInput(
  dOut: NDArray,
  weight: NDArray,
  bias: NDArray | null,
  g: Conv2dGeometry,
  relu: boolean,
): NDArray {
  const { images, inChannels, outChannels, height, width, padding } = g;
  const shape = [images, inChannels, height, width];
  if (sizeOf(shape) === 0) return empty(shape);
  const dx = empty(shape);
  const { tilesY, tilesX, chunk } = tilesOf(height, width, 8);
  const [paddedHeight, paddedWidth] = [4 * tilesY + 2, 4 * tilesX + 2];
  const [rowParity, columnParity] = [padding[0] & 1, padding[1] & 1];
  const kernels = transformedKernels(weight, g, true);
  const block = filterBlock(inChannels);
  forParts(images, chunk, (first, count) => {
    const tiles = count * tilesY * tilesX;
    const panels = Math.ceil(tiles / NR);
    const top = [1 - (padding[0] >> 1), 1 - (padding[1] >> 1)] as const;
    const padded = imagesOf(dOut).pad(first, count, top, paddedHeight, paddedWidth);
    const panelBytes = columnPanelBytes(NR, outChannels);
    const patches = allocate(panels * panelBytes, PHASES);
    const windows = intTable(
      phaseWindowsWords({
        stride: 1,
        row0: rowParity,
        row1: g.kernel[0] === 3 ? 1 : 0,
        column0: columnParity,
        column1: g.kernel[1] === 3 ? 1 : 0,
        height: paddedHeight,
        width: paddedWidth,
        phaseBytes: STRIDED_POSITIONS * patches.step,
      }),
    );
    // biome-ignore format: the kernel's argument list
    launch(
      "stridedPatchesByTile", panels, PANEL_GRAIN, padded, count, outChannels, tilesY, tilesX, windows, patches.address,
      patches.step, panelBytes, workFor(panels, STRIDED_PATCH_WORK_BYTES, PANEL_GRAIN), PANEL_GRAIN,
    );
    const products = allocate(4 * block * tiles, PHASES);
    for (let phase = 0; phase < PHASES; phase++) {
      const ofPhase = matricesOf(phase, products);
      const [start, end] = positionsOf(phase, g.kernel);
      if (start > 0) kernelsOf().fillZero(ofPhase.address, start * ofPhase.step);
      if (end < STRIDED_POSITIONS) {
        kernelsOf().fillZero(matrixAt(ofPhase, end), (STRIDED_POSITIONS - end) * ofPhase.step);
      }
    }
    forParts(inChannels, block, (channel, channels) => {
      const ofBlock = { address: offset(kernels.address, rowPanelBytes(channel, outChannels)), step: kernels.step };
      for (let phase = 0; phase < PHASES; phase++) {
        const [left, right] = [matricesOf(phase, ofBlock), matricesOf(phase, patches)];
        const sizes = [channels, tiles, outChannels] as const;
        multiply(positionsOf(phase, g.kernel), left, right, matricesOf(phase, products), sizes);
      }
      const biasOf = bias ? offset(bias.address, 4 * channel) : NULL;
      const to = offset(dx.address, 4 * (first * inChannels + channel) * height * width);
      // biome-ignore format: the kernel's argument list
      launch(
        "stridedGradInput", channels, GRAIN, products.address, count, inChannels, tilesY, tilesX, products.step,
        rowParity, columnParity, biasOf, Number(relu), to, height, width,
        workFor(channels, STRIDED_OUTPUT_WORK_BYTES), GRAIN,
      );
    });
  });
  return dx;
}

/** dWeight [Co, Ci, KH, KW]: for each position, a product over all tiles. Chunks are added in order. */
function gradWeight(x: NDArray, dOut: NDArray, g: Conv2dGeometry): NDArray {
  const { images, inChannels, outChannels, outHeight, outWidth, kernel } = g;
  const shape = [outChannels, inChannels, ...kernel];
  if (images === 0) return zeros(shape);
  const dWeight = empty(shape);
  const { tilesY, tilesX, chunk } = tilesOf(outHeight, outWidth, 4, GRAD_CHUNK_TILES);
  const [height, width] = paddedSize(g, tilesY, tilesX);
  const panels = Math.ceil(inChannels / NR);
  const n = panels * NR;
  // if the sums span several chunks, they are kept for all filters at once
  const isOneChunk = images <= chunk;
  const block = isOneChunk ? filterBlock(outChannels) : outChannels;
  const sums = allocate(4 * block * n, PHASES);
  forParts(images, chunk, (first, count) => {
    const tiles = count * tilesY * tilesX;
    const padded = imagesOf(x).pad(first, count, g.padding, height, width);
    const patches = allocate(columnPanelBytes(n, tiles), PHASES);
    const windows = intTable(phaseWindowsWords(forwardWindows(height, width, STRIDED_POSITIONS * patches.step)));
    // biome-ignore format: the kernel's argument list
    launch(
      "stridedPatchesByChannel", panels, PANEL_GRAIN, padded, count, inChannels, tilesY, tilesX, windows,
      patches.address, patches.step, workFor(panels, STRIDED_PATCH_WORK_BYTES, PANEL_GRAIN), PANEL_GRAIN,
    );
    const paddedOut = imagesOf(dOut).pad(first, count, [0, 0], 4 * tilesY, 4 * tilesX);
    const grads = allocate(rowPanelBytes(outChannels, tiles));
    const gradPanels = Math.ceil(outChannels / MR);
    const to = [grads.address, grads.step, workFor(gradPanels, STRIDED_PATCH_WORK_BYTES), GRAIN] as const;
    launch("stridedGradTiles", gradPanels, GRAIN, paddedOut, count, outChannels, tilesY, tilesX, ...to);
    const start = first === 0 ? Start.Zero : Start.C;
    forParts(outChannels, block, (filter, filters) => {
      const left = { address: offset(grads.address, rowPanelBytes(filter, tiles)), step: grads.step };
      for (let phase = 0; phase < PHASES; phase++) {
        const [right, result] = [matricesOf(phase, patches), matricesOf(phase, sums)];
        multiply(positionsOf(phase, kernel), left, right, result, [filters, n, tiles], start);
      }
      if (first + count < images) return;
      const from = [sums.address, inChannels, n, sums.step] as const;
      const dBlock = offset(dWeight.address, 4 * filter * inChannels * kernel[0] * kernel[1]);
      const work = workFor(filters, STRIDED_KERNEL_WORK_BYTES);
      launch("stridedGradKernels", filters, GRAIN, ...from, dBlock, ...kernel, work, GRAIN);
    });
  });
  return dWeight;
}

export const stridedWinograd: ConvPasses = {
  supports: supportsStrided,
  forward,
  gradInput: (dOut, weight, g) => stridedGradInput(dOut, weight, null, g, false),
  gradWeight,
};
