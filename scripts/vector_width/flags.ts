/**
 * Arguments with which Node compiles a whole module at once, in a process of its own, and packs two 128-bit
 * operations into one of 256 bits. (Deopts need what Liftoff records.)
 */
export const WIDE_FLAGS: readonly string[] = [
  "--no-wasm-deopt",
  "--experimental-wasm-revectorize",
  "--no-liftoff",
  "--no-wasm-lazy-compilation",
];
