import type { NDArray } from "../core/array.ts";
import type { Conv2dGeometry } from "./geometry.ts";

/** The passes of a convolution or of a transposed convolution. */
export interface ConvPasses {
  /** Whether the passes support these sizes. */
  supports(g: Conv2dGeometry): boolean;
  /** Computes bias + weight * x; with `relu`, max(0, bias + weight * x). */
  forward(x: NDArray, weight: NDArray, bias: NDArray | null, g: Conv2dGeometry, relu: boolean): NDArray;
  gradInput(dOut: NDArray, weight: NDArray, g: Conv2dGeometry): NDArray;
  gradWeight(x: NDArray, dOut: NDArray, g: Conv2dGeometry): NDArray;
}

/**
 * The passes of a convolution followed by ReLU and 2x2 max pooling. `argmaxCodes` has one byte per element of
 * the result: the position of the maximum in its window (assembly/conv/relu_pool.ts).
 */
export interface PooledConvPasses {
  supports(g: Conv2dGeometry): boolean;
  /** Writes `out` [N, Co, OH >> 1, OW >> 1], and the codes unless `argmaxCodes` is null. */
  forward(
    x: NDArray,
    weight: NDArray,
    bias: NDArray | null,
    g: Conv2dGeometry,
    out: NDArray,
    argmaxCodes: NDArray | null,
  ): void;
  /** Computed from `dy`, the gradient of `out`. */
  gradInput(dy: NDArray, argmaxCodes: NDArray, weight: NDArray, g: Conv2dGeometry): NDArray;
  gradWeight(x: NDArray, dy: NDArray, argmaxCodes: NDArray, g: Conv2dGeometry): NDArray;
}

export type ConvAlgorithmName = "depthwise" | "winograd" | "shallow" | "upsample" | "gemm";

/**
 * An algorithm for convolutions, with the passes of each operation that it supports. choose.ts lists all
 * algorithms.
 */
export interface ConvAlgorithm {
  readonly name: ConvAlgorithmName;
  /** Whether the algorithm is faster than those listed after it. Called only for sizes that it supports. */
  pays(g: Conv2dGeometry): boolean;
  readonly plain?: ConvPasses;
  readonly transposed?: ConvPasses;
  readonly pooled?: PooledConvPasses;
  /**
   * True if the algorithm computes the sums directly, as they are defined. It is then used for sizes that a
   * forced algorithm does not support.
   */
  readonly isMatrixProduct?: boolean;
}

/** An algorithm that computes this operation. */
export type ConvAlgorithmFor<Form extends "plain" | "transposed" | "pooled"> = ConvAlgorithm &
  Required<Pick<ConvAlgorithm, Form>>;
