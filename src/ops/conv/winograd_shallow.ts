import { NULL } from "../../runtime/address.ts";
import { MR, NR, POSITIONS, SHALLOW_CHANNELS, SHALLOW_WORK_BYTES } from "../../runtime/kernels.generated.ts";
import { scratch } from "../core/array.ts";
import { rowPanelBytes } from "../matmul/gemm.ts";
import type { PooledConvPasses } from "./algorithm.ts";
import { gemm } from "./implicit_gemm.ts";
import { launch } from "./kernels.ts";
import { imagesOf } from "./pad_planes.ts";
import { pooledGemm } from "./pooled_gemm.ts";
import { GRAIN, isUnitStride3x3, WinogradPlan, workFor } from "./winograd_plan.ts";

/**
 * Winograd's F(4x4, 3x3) for an input with few channels, with ReLU and pooling: its products stay in
 * registers (see assembly/conv/winograd/shallow.ts). The backward pass is the matrix product's, which sums
 * over windows.
 */
export const pooledShallow: PooledConvPasses = {
  ...pooledGemm(gemm),

  supports: (g) => isUnitStride3x3(g) && g.inChannels <= SHALLOW_CHANNELS,

  forward(x, weight, bias, g, out, argmaxCodes) {
    if (out.size === 0) return;
    const { images, inChannels: channels, outChannels: filters, outHeight, outWidth } = g;
    const { tilesY, tilesX, paddedHeight, paddedWidth } = WinogradPlan.forForward(g);
    const panels = Math.ceil(filters / MR);
    const panelBytes = POSITIONS * rowPanelBytes(MR, channels);
    const kernels = weight.block.cached(["shallow", filters, channels], panels * panelBytes, (to) => {
      const sizes = [
        filters,
        channels * 36,
        channels,
        36,
        0,
        to,
        rowPanelBytes(MR, channels),
        panelBytes,
        workFor(panels),
      ] as const;
      launch("winogradKernels", panels, GRAIN, weight.address, ...sizes, GRAIN);
    });
    const padded = imagesOf(x).pad(0, images, g.padding, paddedHeight, paddedWidth);
    const units = Math.ceil((images * tilesY * tilesX) / NR);
    const work = scratch(Math.ceil(units / GRAIN) * SHALLOW_WORK_BYTES);
    // biome-ignore format: the kernel's argument list
    launch(
      "winogradShallowPool", units, GRAIN, padded, kernels, images, channels, filters, tilesY, tilesX,
      bias?.address ?? NULL, out.address, argmaxCodes?.address ?? NULL, outHeight, outWidth, work, GRAIN,
    );
  },
};
