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
 * ("pooled"): the first of these that has the operation, supports the sizes and pays.
 */
const ALGORITHMS: readonly ConvAlgorithm[] = [
  {
    // Products of 1 x 9 matrices waste three quarters of each tile, and packing costs more than they do. With
    // one filter per channel rows correlated with the taps are 4 to 12 times as fast, with 8 filters 1.3 to 2
    // times, with 16 about even (on five layers from [8,256,7,7] to [1,32,112,112], one thread of an AMD
    // EPYC, Zen 4).
    name: "depthwise",
    plain: depthwise,
    pays: (g) => g.outChannels <= 8,
  },
  {
    // A quarter of the multiplications, in exchange for transforms of images, kernels and results. On conv2
    // of the ladder (64 to 128 channels) it is 3.2 times as fast as the matrix product, on conv1 (3 to 64)
    // about even: assembly/conv/README.md, "Measured". Below 32 channels the transforms cost more than the
    // multiplications they save, and images of less than 16 pixels leave most of a 4x4 tile unused.
    name: "winograd",
    plain: winograd,
    pooled: pooledWinograd,
    pays: (g) => Math.min(g.inChannels, g.outChannels) >= 32 && g.outHeight * g.outWidth >= 16,
  },
  {
    // With 1 to 3 input channels Winograd pays, too, if its products need not be written: 6.9 to 6.5 ms a
    // training step of the autoencoder (batch 4, one thread, Zen 4) beside the pooled matrix product.
    name: "shallow",
    pooled: pooledShallow,
    pays: () => true,
  },
  {
    // 2x2 kernels of stride 2 have no overlapping taps: the columns need not be written and added up. See
    // assembly/conv/transposed.md, "Measured".
    name: "upsample",
    plain: upsample,
    transposed: transposed(upsample, interleavedGradInput),
    pooled: pooledGemm(upsample),
    isMatrixProduct: true,
    pays: () => true,
  },
  {
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
 * Chooses how convolutions are computed from now on; a backward pass goes the way its forward pass went.
 *
 * - "auto", the default: whatever is fastest for the sizes. That is Winograd's F(4x4,3x3) for kernels of 3x3
 *   with stride 1 and 32 channels or more on both sides (with fewer, too, before ReLU and pooling).
 * - "gemm": never Winograd, but the sums as they are defined, as a matrix product. Its error in float32 is
 *   within 1e-6 of the root mean square of the results, where Winograd's is within 2e-6; it does up to four
 *   times as many multiplications.
 * - "winograd": Winograd wherever it can be computed, also where "auto" finds that it does not pay; elsewhere
 *   "gemm".
 *
 * Results differ in their last bits between the choices, and with each are the same bits in every run and on
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
  if (chooseConvolution(g).name === "depthwise") return null;
  return choose("pooled", g);
}
