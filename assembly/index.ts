// Table of contents of the kernels: what is exported here is what TypeScript can call.
// A kernel is a pure function of pointers and integers: it allocates nothing, owns nothing and writes only its output.

/** First address behind the module's own data: must lie below where the allocator in src/runtime/memory.ts starts. */
export function heapBase(): usize {
  return __heap_base;
}

// Products and convolutions, in reading order (README.md).
export { packImageRows, packPanels4, packPanels8 } from "./matmul/pack";
export { addGemm, gemm } from "./matmul/gemm";
export { multiplyDots, multiplyRows } from "./matmul/skinny";
export { foldColumns, packPixelPanels, packTapPanels, padPlanes } from "./conv2d/columns";
export { depthwiseForward, depthwiseGradInput, depthwiseGradWeight } from "./conv2d/depthwise";
export { allFinite, pooledChannelSums, unpool } from "./conv2d/pooled";
export { convolvePooled, gradWeightPooled, sumPooledGradWeights } from "./conv2d/pooled_gemm";
export { upsample2x2 } from "./conv_transpose2d/upsample";
export { winogradFewPool } from "./conv2d/winograd/few_channels";
export { winogradGradTiles, winogradPatchesByChannel, winogradPatchesByTile } from "./conv2d/winograd/images";
export { winogradGradKernels, winogradKernels } from "./conv2d/winograd/kernels";
export { winogradOutput, winogradOutputPool } from "./conv2d/winograd/output";

export * from "./augment";
export * from "./average";
export * from "./broadcast";
export * from "./cast";
export * from "./clip";
export * from "./cross_entropy";
export * from "./elementwise";
export * from "./extremum";
export * from "./image";
export * from "./indexing";
export * from "./interpolate";
export * from "./layer_norm";
export * from "./memory";
export * from "./moments";
export * from "./norm";
export * from "./normalize";
export * from "./optim";
export * from "./pair_loss";
export * from "./pool2d/avg_pool2d";
export * from "./pool2d/max_pool2d";
export * from "./pool2d/max_windows";
export * from "./random";
export * from "./reduce";
export * from "./softmax";
export * from "./strided";
export * from "./unary";
