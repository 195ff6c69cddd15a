import { NULL } from "../../runtime/address.ts";
import { launch } from "../../runtime/kernels.ts";
import { scratch } from "../core/array.ts";
import type { PooledConvPasses } from "./algorithm.ts";
import { gemm } from "./implicit_gemm.ts";
import { imagesOf } from "./pad_planes.ts";
import { pooledGemm } from "./pooled_gemm.ts";
import { GRAIN, isUnitStride3x3, POSITIONS, WinogradPlan, workFor } from "./winograd_plan.ts";

/**
 * Input channels up to which the products are computed in place: MOST_CHANNELS in
 * assembly/conv/winograd/shallow.ts.
 */
const MOST_CHANNELS = 3;
/** WORK there. */
const WORK_BYTES = (POSITIONS * (MOST_CHANNELS + 1 + 4) + 40) * 16;

/**
 * Winograd's F(4x4, 3x3) for a shallow input, with ReLU and pooling: its products stay in registers (see
 * assembly/conv/winograd/shallow.ts). Backward is the matrix product's, which sums over windows.
 */
export const pooledShallow: PooledConvPasses = {
  ...pooledGemm(gemm),

  supports: (g) => isUnitStride3x3(g) && g.inChannels <= MOST_CHANNELS,

  forward(x, weight, bias, g, out, argmaxCodes) {
    if (out.size === 0) return;
    const { images, inChannels: channels, outChannels: filters, outHeight, outWidth } = g;
    const { tilesY, tilesX, paddedHeight, paddedWidth } = WinogradPlan.forForward(g);
    const panels = Math.ceil(filters / 4);
    const panelBytes = POSITIONS * channels * 16;
    const kernels = weight.block.cached(["shallow", filters, channels], panels * panelBytes, (to) => {
      const sizes = [filters, channels * 36, channels, 36, 0, to, channels * 16, panelBytes, workFor(panels)] as const;
      launch("winogradKernels", panels, GRAIN, weight.address, ...sizes, GRAIN);
    });
    const padded = imagesOf(x).pad(0, images, g.padding, paddedHeight, paddedWidth);
    const units = Math.ceil((images * tilesY * tilesX) / 4);
    const work = scratch(Math.ceil(units / GRAIN) * WORK_BYTES);
    // biome-ignore format: the kernel's argument list
    launch(
      "winogradShallowPool", units, GRAIN, padded, kernels, images, channels, filters, tilesY, tilesX,
      bias?.address ?? NULL, out.address, argmaxCodes?.address ?? NULL, outHeight, outWidth, work, GRAIN,
    );
  },
};
