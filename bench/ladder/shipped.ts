/**
 * The last rungs: the files of the library's kernels, and the ops of the library that run them. The ladder
 * times these kernels, not copies of them. When a kernel moves, change its path here.
 */

import type { ConvAlgorithmName } from "../../src/ops/conv/algorithm.ts";
import { forceConvAlgorithm } from "../../src/ops/conv/choose.ts";
import { ConvTranspose2d } from "../../src/ops/conv/conv_transpose2d.ts";
import { Conv2d } from "../../src/ops/conv/conv2d.ts";
import {
  ConvWindow,
  type ConvWindowOptions,
  TransposedConvWindow,
  type TransposedConvWindowOptions,
} from "../../src/ops/conv/window.ts";
import type { NDArray } from "../../src/ops/core/array.ts";
import { LogSoftmax, Softmax } from "../../src/ops/loss/softmax.ts";
import { MatMul } from "../../src/ops/matmul/matmul.ts";
import { MaxPool2d, type MaxPool2dOptions } from "../../src/ops/pool/max_pool2d.ts";
import { Sum } from "../../src/ops/reduce/sum.ts";

/** The library's convolution by a given algorithm, for sizes that the algorithm supports. */
class ForcedConv2d extends Conv2d {
  readonly #algorithm: ConvAlgorithmName;

  constructor(algorithm: ConvAlgorithmName, options: ConvWindowOptions) {
    super(new ConvWindow("conv2d", options));
    this.#algorithm = algorithm;
  }

  override forward(x: NDArray, weight: NDArray, bias: NDArray | null): NDArray {
    forceConvAlgorithm(this.#algorithm);
    try {
      return super.forward(x, weight, bias);
    } finally {
      forceConvAlgorithm(undefined);
    }
  }
}

export const shipped = {
  matmul: {
    files: ["matmul/micro_kernel.ts", "matmul/pack.ts", "matmul/gemm.ts"],
    op: () => new MatMul(),
  },
  implicitGemm: {
    files: ["implicit_gemm", "pad_planes", "fold_columns"].map((name) => `conv/${name}.ts`),
    op: (options: ConvWindowOptions) => new ForcedConv2d("gemm", options),
  },
  winograd: {
    files: ["transforms", "images", "kernels", "output"].map((name) => `conv/winograd/${name}.ts`),
    op: (options: ConvWindowOptions) => new ForcedConv2d("winograd", options),
  },
  convTranspose2d: {
    files: ["conv/upsample.ts"],
    op: (options: TransposedConvWindowOptions) =>
      new ConvTranspose2d(new TransposedConvWindow("convTranspose2d", options)),
  },
  maxPool2d: {
    files: ["pool/max_pool2d.ts"],
    // for 2x2 windows of stride 2; the general kernel computes the others
    op: ({ kernel, ...options }: MaxPool2dOptions & { kernel: [number, number] }) => new MaxPool2d(kernel, options),
  },
  /**
   * Windows of any size. The kernel is launched as the op launches it, because the op uses the other kernel
   * for 2x2.
   */
  maxWindows: { files: ["pool/max_windows.ts", "pool/window.ts"], kernel: "maxPool2d" as const },
  softmax: {
    files: ["loss/softmax.ts"],
    op: ({ dim, log }: { dim: number; log: boolean }) => (log ? new LogSoftmax(dim) : new Softmax(dim)),
  },
  sum: {
    files: ["reduce/sum.ts"],
    op: ({ dim, keepdim }: { dim?: number | number[]; keepdim?: boolean }) => new Sum(dim, { keepdim }),
  },
};
