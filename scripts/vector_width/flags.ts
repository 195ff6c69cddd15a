/**
 * Arguments with which Node compiles a whole module at once and packs two 128-bit operations into one of 256
 * bits. They are safe in a process that does nothing else. (Deopts need what Liftoff records.)
 */
export const WIDE_FLAGS: readonly string[] = [
  "--no-wasm-deopt",
  "--experimental-wasm-revectorize",
  "--no-liftoff",
  "--no-wasm-lazy-compilation",
];
