// Table of contents of the kernels: what is exported here is what TypeScript can call.
// A kernel is a pure function of pointers and integers: it allocates nothing, owns nothing and writes only its output.

/** First address behind the module's own data: must lie below where the allocator in src/wasm/memory.ts starts. */
export function heapBase(): usize {
  return __heap_base;
}

export * from "./broadcast";
export * from "./cast";
export * from "./clip";
export * from "./cross_entropy";
export * from "./elementwise";
export * from "./interpolate";
export * from "./extremum";
export * from "./image";
export * from "./layer_norm";
export * from "./memory";
export * from "./optim";
export * from "./moments";
export * from "./norm";
export * from "./normalize";
export * from "./pair_loss";
export * from "./pool2d/avg_pool2d";
export * from "./pool2d/max_pool2d";
export * from "./reduce";
export * from "./softmax";
export { gemm } from "./matmul/gemm";
export { packImageRows, packPanels4, packPanels8 } from "./matmul/pack";
export { foldColumns, interleaveColumns, packPixelPanels, packTapPanels, padPlanes } from "./conv2d/columns";
export * from "./unary";
export {
  winogradGradKernels, winogradGradTiles, winogradKernels, winogradOutput, winogradPatchesByChannel, winogradPatchesByTile,
} from "./conv2d/winograd";
export * from "./random";
export * from "./strided";
export * from "./indexing";
