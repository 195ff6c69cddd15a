/** V8's flags that make it pack two 128-bit operations into one of 256 bits, in all of a module at once. */
export const WIDE_FLAGS: readonly string[] = [
  "--experimental-wasm-revectorize",
  "--no-liftoff", // the pass is part of the optimizing compiler
  "--no-wasm-lazy-compilation",
  "--no-wasm-inlining", // Node 26 aborts otherwise
];
