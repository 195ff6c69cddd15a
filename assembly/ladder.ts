// The rungs that are not part of the library. They are built into a separate module (build/ladder.wasm),
// which `npm run ladder` and the tests load next to the library's kernels. Each folder's README explains its
// rungs.

/** The first address after the module's static data. It must lie below the first tensor. */
export function heapBase(): usize {
  return __heap_base;
}

export { microKernel4x8 } from "./matmul/micro_kernel"; // of the library; here only for its machine code
export { matmulNaive } from "./matmul/ladder/1_naive";
export { matmulLoopOrder } from "./matmul/ladder/2_loop_order";
export { matmulSimd } from "./matmul/ladder/3_simd";
export { matmulRegisterTile } from "./matmul/ladder/4_register_tile";

export { conv2dNaive } from "./conv/ladder/1_naive";
export { conv2dGradInputNaive, conv2dGradWeightNaive } from "./conv/ladder/1_naive_gradients";
export { conv2dIm2col, conv2dIm2colWork } from "./conv/ladder/2_im2col";
export { conv2dGradInputIm2col, conv2dGradWeightIm2col } from "./conv/ladder/2_im2col_gradients";
export { conv2dDirect, conv2dDirectWork } from "./conv/ladder/4_direct_simd";
export { conv2dGradInputDirect, conv2dGradWeightDirect } from "./conv/ladder/4_direct_simd_gradients";
export { conv2dWinograd2, conv2dWinograd2Work } from "./conv/ladder/5_winograd_f2";
export { conv2dGradInputWinograd2, conv2dGradWeightWinograd2 } from "./conv/ladder/5_winograd_f2_gradients";

export { convTranspose2dGradWeightNaive, convTranspose2dScatter } from "./conv/ladder/transposed/1_scatter";
export {
  convTranspose2dByGradient, convTranspose2dGradInputByGradient, convTranspose2dGradWeightByGradient,
} from "./conv/ladder/transposed/2_gradient_of_conv2d";

export { maxPool2dGradNaive, maxPool2dNaive } from "./pool/ladder/1_naive";

export { softmaxGradNaive, softmaxNaive } from "./loss/ladder/1_naive";
export { softmaxGradSimd, softmaxSimd } from "./loss/ladder/2_simd";

export { sumNaive } from "./reduce/ladder/1_naive";
export { sumSimd } from "./reduce/ladder/2_simd";
