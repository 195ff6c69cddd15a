// TypeScript can call the functions that are exported here. A kernel is a plain function of pointers and
// numbers: it allocates and owns no memory, and writes only its output and the scratch memory that it is
// given.

/**
 * The first address after the module's static data, which must not reach into the control block
 * (src/runtime/kernels.ts).
 */
export function heapBase(): usize {
  return __heap_base;
}

// Products and convolutions, in reading order (README.md).
export { packImageRows, packPanels4, packPanels8 } from "./matmul/pack";
export { addGemm, gemm } from "./matmul/gemm";
export { gemmRows, packPanels16 } from "./matmul/gemm_rows";
export { multiplyDots, multiplyRows } from "./matmul/skinny";
export { padPlanes } from "./conv/pad_planes";
export { packPixelPanels, packTapPanels } from "./conv/implicit_gemm";
export { foldColumns } from "./conv/fold_columns";
export { depthwiseForward, depthwiseGradInput, depthwiseGradWeight } from "./conv/depthwise";
export { allFinite, pickMaxima, pooledChannelSums, unpool } from "./conv/relu_pool";
export { convolvePooled, gradWeightPooled, sumPooledGradWeights } from "./conv/pooled_gemm";
export { upsample2x2 } from "./conv/upsample";
export { winogradShallowPool } from "./conv/winograd/shallow";
export { winogradGradTiles, winogradPadGroups, winogradPatchesByChannel, winogradPatchesByTile } from "./conv/winograd/images";
export { winogradGradKernels, winogradKernels } from "./conv/winograd/kernels";
export { winogradOutput, winogradOutputPool } from "./conv/winograd/output";
export { stridedGradTiles, stridedPatchesByChannel, stridedPatchesByTile } from "./conv/winograd/strided_images";
export { stridedGradKernels, stridedKernels } from "./conv/winograd/strided_kernels";
export { stridedGradInput, stridedOutput } from "./conv/winograd/strided_output";

export * from "./image/augment";
export * from "./optim/moving_average";
export * from "./elementwise/binary";
export * from "./elementwise/cast";
export * from "./optim/clip_gradients";
export * from "./loss/cross_entropy";
export * from "./elementwise/accumulate";
export * from "./reduce/extremum";
export * from "./image/byte_images";
export * from "./movement/indexing";
export * from "./image/interpolate";
export * from "./norm/layer";
export * from "./elementwise/fill";
export * from "./reduce/moments";
export * from "./norm/batch_group";
export * from "./norm/unit_vectors";
export * from "./optim/steps";
export * from "./optim/adaptive_steps";
export * from "./loss/pairwise";
export * from "./pool/avg_pool2d";
export * from "./pool/max_pool2d";
export * from "./pool/max_windows";
export * from "./random/draw";
export * from "./reduce/sum";
export * from "./loss/softmax";
export * from "./movement/copy";
export * from "./movement/strided";
export * from "./elementwise/unary";
export * from "./elementwise/functions";
export * from "./elementwise/remainder";
export * from "./elementwise/ternary";
export * from "./reduce/scan";
export * from "./order/sort";
export * from "./movement/scatter";
export * from "./random/poisson";
export * from "./elementwise/activations";
export * from "./image/resample";
export * from "./elementwise/special";
export * from "./order/mode";
export * from "./recurrent/sequence";
export { gridSample, gridSampleGradGrid, gridSampleGradInput } from "./image/grid_sample";
export * from "./image/bilinear_sample";
