import { checkChoice } from "../../checks.ts";
import type { ConvAlgorithm, ConvAlgorithmFor, ConvAlgorithmName } from "./algorithm.ts";
import { depthwise } from "./depthwise.ts";
import { foldedGradInput } from "./fold_columns.ts";
import type { Conv2dGeometry } from "./geometry.ts";
import { gemm } from "./implicit_gemm.ts";
import { pooledGemm } from "./pooled_gemm.ts";
import { transposed } from "./transposed.ts";
import { interleavedGradInput, upsample } from "./upsample.ts";
import { pooledWinograd, winograd } from "./winograd.ts";
import { pooledShallow } from "./winograd_shallow.ts";

/**
 * What computes a convolution, a transposed convolution, or a convolution with ReLU and 2x2 max pooling
 * ("pooled"): the first of these that has the operation, supports the sizes and pays. The figures are
 * ratios of times on one thread of an Intel Xeon (model 207), from interleaved runs.
 */
const ALGORITHMS: readonly ConvAlgorithm[] = [
  {
    // One input channel per group makes products of 1 x 9 matrices, which waste most of a tile. Times as fast
    // as the matrix product, all passes, [4,32,32,32] in 32 groups: 11 with one filter per channel, 3.5 with
    // 4, 1.8 with 8, 1.2 with 16.
    name: "depthwise",
    plain: depthwise,
    pays: (g) => g.outChannels <= 8,
  },
  {
    // A quarter of the multiplications, in exchange for transforms of images, kernels and results. Times as
    // fast as the matrix product, all passes, 16x16 pixels: 2.9 from 32 to 32 channels, 2.4 from 16 to 16,
    // 1.7 from 8 to 8; from 3 to 64, on 32x32 pixels, 1.05. With fewer channels than 32 there is less to
    // gain, and the matrix product's rounding error is half as large. On 2x2 pixels, a quarter of a tile,
    // 0.8.
    name: "winograd",
    plain: winograd,
    pooled: pooledWinograd,
    pays: (g) => Math.min(g.inChannels, g.outChannels) >= 32 && g.outHeight * g.outWidth >= 16,
  },
  {
    // With 1 to 3 input channels Winograd pays if its products need not be written. Forward and gradient of
    // the weight, times as fast as the pooled matrix product: 1.4 from 3 to 64 channels (32x32), 1.2 from 2
    // to 32, 0.9 from 1 to 32 (28x28).
    name: "shallow",
    pooled: pooledShallow,
    pays: () => true,
  },
  {
    // 2x2 kernels of stride 2 have no overlapping taps: columns need not be written and added up. Only the
    // gradient of the input differs from "gemm": assembly/conv/transposed.md has the measurements.
    name: "upsample",
    plain: upsample,
    transposed: transposed(upsample, interleavedGradInput),
    pooled: pooledGemm(upsample),
    isMatrixProduct: true,
    pays: () => true,
  },
  {
    // The rest: any sizes.
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
 * For tests and benchmarks: forces this algorithm wherever it supports the sizes, elsewhere a matrix product;
 * undefined restores the choice.
 */
export function forceConvAlgorithm(name: ConvAlgorithmName | undefined): void {
  forced = name;
}

/** The choices of a user: see setConvAlgorithm. */
export type ConvAlgorithmChoice = "auto" | "gemm" | "winograd";
const CHOICES: readonly ConvAlgorithmChoice[] = ["auto", "gemm", "winograd"];

/**
 * Chooses how convolutions are computed from now on; a backward pass uses the algorithm of its forward pass.
 *
 * - "auto", the default: by the sizes of each convolution, for speed. That is Winograd's F(4x4,3x3) for
 *   kernels of 3x3 with stride 1 and 32 channels or more on both sides (before ReLU and max pooling also for
 *   1 to 3 input channels).
 * - "gemm": never Winograd, but the sums as they are defined, as a matrix product. Its error in float32 is
 *   within 1e-6 of the root mean square of the results, where Winograd's is within 2e-6; it does up to four
 *   times as many multiplications.
 * - "winograd": Winograd wherever it can be computed, even where "auto" takes another; elsewhere "gemm".
 *
 * Results differ in their last bits between the choices. Each choice gives the same bits in every run and on
 * every machine. Returns the choice.
 *
 * @throws OptionError unless choice is "auto", "gemm" or "winograd".
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

/** How convolutions are computed: what `setConvAlgorithm` chose last, or "auto". */
export function getConvAlgorithm(): ConvAlgorithmChoice {
  return forced === "gemm" || forced === "winograd" ? forced : "auto";
}

/**
 * The algorithm for an operation. A forced one is taken even where it does not pay; where it does not support
 * the sizes, a matrix product.
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
 * The algorithm for a transposed convolution; `g` is that of the convolution from its output back to its
 * input.
 */
export function chooseTransposed(g: Conv2dGeometry): ConvAlgorithmFor<"transposed"> {
  return choose("transposed", g)!;
}

/**
 * The algorithm for a convolution, its ReLU and its 2x2 max pooling in one pass; null where the three ops run
 * one after the other.
 */
export function choosePooled(g: Conv2dGeometry): ConvAlgorithmFor<"pooled"> | null {
  if (g.outHeight < 2 || g.outWidth < 2) return null; // no window: max pooling refuses it
  // up to 8 filters of one input channel: of the pooled passes the fastest takes 0.6 (1 to 8 channels) to 1.2
  // times as long (1 to 2 channels, with the gradient of the input) as depthwise, ReLU and pooling one after
  // the other
  if (chooseConvolution(g).name === "depthwise") return null;
  return choose("pooled", g);
}
