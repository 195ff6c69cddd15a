import { checkChoice } from "../../checks.ts";
import type { ConvAlgorithm, ConvAlgorithmFor, ConvAlgorithmName } from "./algorithm.ts";
import { depthwise } from "./depthwise.ts";
import { foldedGradInput } from "./fold_columns.ts";
import type { Conv2dGeometry } from "./geometry.ts";
import { gemm } from "./implicit_gemm.ts";
import { onePixel, onePixelGradInput } from "./one_pixel.ts";
import { pooledGemm } from "./pooled_gemm.ts";
import { transposed } from "./transposed.ts";
import { interleavedGradInput, upsample } from "./upsample.ts";
import { pooledWinograd, winograd } from "./winograd.ts";
import { pooledShallow } from "./winograd_shallow.ts";
import { stridedGradInput, stridedWinograd } from "./winograd_strided.ts";
import { countTiles } from "./winograd_strided_plan.ts";

/**
 * The algorithms for a convolution, a transposed convolution, and a convolution with ReLU and 2x2 max pooling
 * ("pooled"). The first algorithm that has the operation, supports the sizes and pays off is used. The
 * figures below are speed-ups on one thread, from interleaved runs.
 */
const ALGORITHMS: readonly ConvAlgorithm[] = [
  {
    // With one input channel per group, the matrix product would multiply 1 x 9 matrices, which leave most of
    // a tile unused. Speed-up over the matrix product, all passes, [4,32,32,32] in 32 groups: 11 with one
    // filter per channel, 3.5 with 4, 1.8 with 8, 1.2 with 16.
    name: "depthwise",
    plain: depthwise,
    pays: (g) => g.outChannels <= 8,
  },
  {
    // This needs a quarter of the multiplications, but transforms images, kernels and results. Speed-up over
    // the matrix product on 32x32 pixels, as the mean of all passes: 2.9 from 24 to 24 channels, 2.6 from 16
    // to 16, 2.2 from 8 to 8, 1.6 from 4 to 4, 1.1 from 3 to 64. On 2x2 pixels, which fill a quarter of a
    // tile, Winograd is slower: 0.8. The rounding error is up to three times that of the matrix product, with
    // any number of channels. Below 16 channels, where there is less to gain, the smaller error is preferred.
    name: "winograd",
    plain: winograd,
    pooled: pooledWinograd,
    pays: (g) => Math.min(g.inChannels, g.outChannels) >= 16 && g.outHeight * g.outWidth >= 16,
  },
  {
    // This needs 39 % of the multiplications for 4x4 kernels, and 56 % for 3x3. Speed-up over the matrix
    // product: with 4x4 kernels 2.0 from 64 to 128 channels, 1.7 from 16 to 16,
    // 1.5 from 8 to 16, 0.9 from 3 to 32; with 3x3 kernels 1.3. The transformed kernels are six times as
    // large, so they must be used for several tiles: 0.7 with 4 tiles, 2.0 with 16.
    name: "winograd",
    plain: stridedWinograd,
    transposed: transposed(stridedWinograd, stridedGradInput),
    pays: (g) => Math.min(g.inChannels, g.outChannels) >= (g.kernel.includes(3) ? 32 : 16) && countTiles(g) >= 16,
  },
  {
    // With 1 to 3 input channels, Winograd is worthwhile if its products are not written to memory. Speed-up
    // over the pooled matrix product, forward and weight gradient: 1.4 from 3 to 64 channels (32x32), 1.2
    // from 2 to 32, 0.9 from 1 to 32 (28x28).
    name: "shallow",
    pooled: pooledShallow,
    pays: () => true,
  },
  {
    // Kernels as large as the image. The products of "gemm", one for each image, have a single column.
    name: "gemm",
    plain: onePixel,
    transposed: transposed(onePixel, onePixelGradInput),
    isMatrixProduct: true,
    pays: () => true,
  },
  {
    // The taps of 2x2 kernels of stride 2 do not overlap, so no columns have to be written and added up. Only
    // the input gradient differs from "gemm". See assembly/conv/transposed.md for measurements.
    name: "upsample",
    plain: upsample,
    transposed: transposed(upsample, interleavedGradInput),
    pooled: pooledGemm(upsample),
    isMatrixProduct: true,
    pays: () => true,
  },
  {
    // All other sizes.
    name: "gemm",
    plain: gemm,
    transposed: transposed(gemm, foldedGradInput),
    pooled: pooledGemm(gemm),
    isMatrixProduct: true,
    pays: () => true,
  },
];

let forced: ConvAlgorithmName | undefined;

/**
 * For tests and benchmarks: forces the algorithm `name` for all sizes that it supports, and a matrix product
 * for other sizes. Undefined restores automatic selection.
 */
export function forceConvAlgorithm(name: ConvAlgorithmName | undefined): void {
  forced = name;
}

/** The choices that setConvAlgorithm accepts. */
export type ConvAlgorithmChoice = "auto" | "gemm" | "winograd";
const CHOICES: readonly ConvAlgorithmChoice[] = ["auto", "gemm", "winograd"];

/**
 * Chooses the algorithm of future convolutions. A backward pass uses the algorithm of its forward pass.
 *
 * - "auto", the default: the fastest algorithm for the sizes of each convolution. It uses Winograd's
 *   F(4x4,3x3) for 3x3 kernels with stride 1 and at least 16 input and output channels (and, if ReLU and max
 *   pooling follow, also for 1 to 3 input channels), and F(4x4,2x2) for 3x3 and 4x4 kernels with stride 2, also
 *   of transposed convolutions, with enough channels and pixels.
 * - "gemm": always a direct computation of the sums, as a matrix product. Its float32 error is at most 1e-6
 *   of the root mean square of the results; Winograd's is at most 2e-6. It needs up to four times as many
 *   multiplications as Winograd.
 * - "winograd": Winograd wherever it is applicable, even where "auto" would choose another algorithm;
 *   elsewhere "gemm".
 *
 * The choices give results that differ in their last bits. Each choice gives the same bits in every run and
 * on every machine. Returns the choice.
 *
 * @throws OptionError unless `choice` is "auto", "gemm" or "winograd".
 * @example
 * ```ts
 * import { getConvAlgorithm, setConvAlgorithm } from "wasmgrad";
 * console.log(setConvAlgorithm("gemm")); // gemm
 * console.log(setConvAlgorithm("auto") === getConvAlgorithm()); // true
 * ```
 */
export function setConvAlgorithm(choice: ConvAlgorithmChoice): ConvAlgorithmChoice {
  checkChoice("setConvAlgorithm", "choice", choice, CHOICES);
  forced = choice === "auto" ? undefined : choice;
  return choice;
}

/** The current choice: the last one passed to `setConvAlgorithm`, or "auto". */
export function getConvAlgorithm(): ConvAlgorithmChoice {
  return forced === "gemm" || forced === "winograd" ? forced : "auto";
}

/**
 * The algorithm for an operation. A forced algorithm is used even if it does not pay off; for sizes that it
 * does not support, a matrix product is used.
 */
function choose<Form extends "plain" | "transposed" | "pooled">(
  form: Form,
  g: Conv2dGeometry,
): ConvAlgorithmFor<Form> | null {
  for (const algorithm of ALGORITHMS) {
    if (!algorithm[form]?.supports(g)) continue;
    const isFree = forced === undefined || algorithm.isMatrixProduct;
    if (isFree ? algorithm.pays(g) : algorithm.name === forced) return algorithm as ConvAlgorithmFor<Form>;
  }
  return null;
}

/** The algorithm for a convolution. */
export function chooseConvolution(g: Conv2dGeometry): ConvAlgorithmFor<"plain"> {
  return choose("plain", g)!; // "gemm" supports all sizes
}

/**
 * The algorithm for a transposed convolution. `g` is the geometry of the convolution from its output back to
 * its input.
 */
export function chooseTransposed(g: Conv2dGeometry): ConvAlgorithmFor<"transposed"> {
  return choose("transposed", g)!;
}

/**
 * The algorithm for a convolution with ReLU and 2x2 max pooling in one pass, or null if the three ops are to
 * run one after the other.
 */
export function choosePooled(g: Conv2dGeometry): ConvAlgorithmFor<"pooled"> | null {
  if (g.outHeight < 2 || g.outWidth < 2) return null; // there is no window, so max pooling throws the error
  // For up to 8 filters on one input channel, the fastest pooled passes take 0.6 (1 to 8 channels) to 1.2
  // times (1 to 2 channels, with the input gradient) as long as depthwise, ReLU and pooling one after the
  // other.
  if (chooseConvolution(g).name === "depthwise") return null;
  return choose("pooled", g);
}
