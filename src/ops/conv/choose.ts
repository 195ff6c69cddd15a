import { checkChoice } from "../../checks.ts";
import type { NDArray } from "../core/array.ts";
import { reluInPlace } from "../elementwise/relu.ts";
import { depthwiseForward, depthwiseGradInput, depthwiseGradWeight, depthwiseServes } from "./depthwise.ts";
import type { Conv2dGeometry } from "./geometry.ts";
import { BLOCK_TAPS, convForward, convGradInput, convGradWeight } from "./implicit_gemm.ts";
import {
  imagesOf,
  winogradFewServes,
  winogradForward,
  winogradGradInput,
  winogradGradWeight,
  winogradServes,
} from "./winograd.ts";

/** The three passes of a convolution, whatever computes them. */
export interface ConvAlgorithm {
  readonly name: string;
  /** bias + weight * x, and max(., 0) of it with `relu`. */
  forward(x: NDArray, weight: NDArray, bias: NDArray | null, g: Conv2dGeometry, relu: boolean): NDArray;
  gradInput(dOut: NDArray, weight: NDArray, g: Conv2dGeometry): NDArray;
  gradWeight(x: NDArray, dOut: NDArray, g: Conv2dGeometry): NDArray;
}

const algorithms = {
  /** Any sizes: panels packed from the images, one matrix product. */
  gemm: {
    name: "gemm",
    forward: convForward,
    gradInput: (dOut, weight, g) => convGradInput(dOut, weight, null, g),
    gradWeight: convGradWeight,
  },
  /** 3x3, stride 1: a quarter of the multiplications, in exchange for transforms of images, kernels and results. */
  winograd: {
    name: "winograd",
    forward: winogradForward,
    gradInput: (dOut, weight, g) => winogradGradInput(imagesOf(dOut), weight, g),
    gradWeight: (x, dOut, g) => winogradGradWeight(x, imagesOf(dOut), g),
  },
  /** One input channel a group: rows correlated with the taps, no panels. */
  depthwise: {
    name: "depthwise",
    forward(x, weight, bias, g, relu) {
      const out = depthwiseForward(x, weight, bias, g);
      return relu ? reluInPlace(out) : out;
    },
    gradInput: depthwiseGradInput,
    gradWeight: depthwiseGradWeight,
  },
} satisfies Record<string, ConvAlgorithm>;

/** "fewChannels" is a pass of its own only where ReLU and pooling follow; elsewhere the matrix product serves. */
export type ConvAlgorithmName = keyof typeof algorithms | "fewChannels";

/** Below this many input or output channels the transforms cost more than the multiplications they save. */
const WINOGRAD_CHANNELS = 32;
/** Smaller images leave most of a 4x4 tile unused. */
const WINOGRAD_PIXELS = 16;
/** With more filters a channel the tiles of a matrix product fill up, and packing is shared by more multiplications. */
const DEPTHWISE_FILTERS = 8;

let forced: ConvAlgorithmName | undefined;

/** For tests and benchmarks: uses this algorithm wherever it serves at all; undefined goes back to the choice. */
export function forceConvAlgorithm(name: ConvAlgorithmName | undefined): void {
  forced = name;
}

/** What a user chooses between: see setConvAlgorithm. */
export type ConvAlgorithmChoice = "auto" | "gemm" | "winograd";
const CHOICES: readonly ConvAlgorithmChoice[] = ["auto", "gemm", "winograd"];

/**
 * Chooses how convolutions are computed from now on; a backward pass goes the way its forward pass went.
 *
 * - "auto", the default: whatever is fastest for the sizes. That is Winograd's F(4x4,3x3) for kernels of 3x3 with stride 1 and 32
 *   channels or more on both sides (with fewer, too, before ReLU and pooling).
 * - "gemm": never Winograd, but the sums as they are defined, as a matrix product. Its error in float32 is within 1e-6 of the root
 *   mean square of the results, where Winograd's is within 2e-6; it does up to four times as many multiplications.
 * - "winograd": Winograd wherever it can be computed, also where "auto" finds that it does not pay; elsewhere "gemm".
 *
 * Results differ in their last bits between the choices, and with each are the same bits in every run and on every machine.
 * Returns the choice.
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

/** Chooses how a convolution is computed. */
function chooseConvAlgorithm(g: Conv2dGeometry): keyof typeof algorithms {
  const direct = g.outChannels <= DEPTHWISE_FILTERS && forced === undefined;
  if (depthwiseServes(g) && (direct || forced === "depthwise")) return "depthwise";
  if (!winogradServes(g) || forced === "gemm" || forced === "fewChannels") return "gemm";
  const pays =
    Math.min(g.inChannels, g.outChannels) >= WINOGRAD_CHANNELS && g.outHeight * g.outWidth >= WINOGRAD_PIXELS;
  return pays || forced === "winograd" ? "winograd" : "gemm";
}

export function convAlgorithm(g: Conv2dGeometry): ConvAlgorithm {
  return algorithms[chooseConvAlgorithm(g)];
}

/**
 * Chooses what computes a convolution, its ReLU and its 2x2 max pooling in one pass (relu_pool.ts); null where nothing does.
 * With few input channels Winograd pays, too, once its products need not be written; its backward then sums over windows.
 */
export function choosePooledAlgorithm(g: Conv2dGeometry): "winograd" | "fewChannels" | "gemm" | null {
  if (g.groups !== 1 || g.outHeight < 2 || g.outWidth < 2) return null;
  const algorithm = chooseConvAlgorithm(g);
  if (algorithm !== "gemm") return algorithm === "winograd" ? algorithm : null;
  // the gradient of the weight gathers rows of taps
  if (g.kernel[1] > BLOCK_TAPS || g.dilation[1] !== 1) return null;
  return winogradFewServes(g) && forced !== "gemm" ? "fewChannels" : "gemm";
}
