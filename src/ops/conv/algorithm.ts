import type { NDArray } from "../core/array.ts";
import type { Conv2dGeometry } from "./geometry.ts";

/** The passes of a convolution, or of a transposed one. */
export interface ConvPasses {
  /** Whether its kernels can compute these sizes. */
  supports(g: Conv2dGeometry): boolean;
  /** bias + weight * x, and with `relu` max(0, .) of it. */
  forward(x: NDArray, weight: NDArray, bias: NDArray | null, g: Conv2dGeometry, relu: boolean): NDArray;
  gradInput(dOut: NDArray, weight: NDArray, g: Conv2dGeometry): NDArray;
  gradWeight(x: NDArray, dOut: NDArray, g: Conv2dGeometry): NDArray;
}

/**
 * The passes of a convolution followed by ReLU and 2x2 max pooling. `argmaxCodes` has one byte for each
 * element of the result and says where the maximum was (assembly/conv/relu_pool.ts).
 */
export interface PooledConvPasses {
  supports(g: Conv2dGeometry): boolean;
  /** Writes `out` [N, Co, OH >> 1, OW >> 1], and the codes where they are wanted. */
  forward(
    x: NDArray,
    weight: NDArray,
    bias: NDArray | null,
    g: Conv2dGeometry,
    out: NDArray,
    argmaxCodes: NDArray | null,
  ): void;
  /** From `dy`, the gradient of `out`. */
  gradInput(dy: NDArray, argmaxCodes: NDArray, weight: NDArray, g: Conv2dGeometry): NDArray;
  gradWeight(x: NDArray, dy: NDArray, argmaxCodes: NDArray, g: Conv2dGeometry): NDArray;
}

export type ConvAlgorithmName = "depthwise" | "winograd" | "shallow" | "upsample" | "gemm";

/** One way to compute convolutions, and the operations that it computes. choose.ts lists all of them. */
export interface ConvAlgorithm {
  readonly name: ConvAlgorithmName;
  /** Whether it is the fastest for sizes that it supports, unless one listed before it is. */
  pays(g: Conv2dGeometry): boolean;
  readonly plain?: ConvPasses;
  readonly transposed?: ConvPasses;
  readonly pooled?: PooledConvPasses;
  /**
   * It computes the sums as they are defined, so it is taken where a forced algorithm does not support the
   * sizes.
   */
  readonly isMatrixProduct?: boolean;
}

/** An algorithm that computes this operation. */
export type ConvAlgorithmFor<Form extends "plain" | "transposed" | "pooled"> = ConvAlgorithm &
  Required<Pick<ConvAlgorithm, Form>>;
