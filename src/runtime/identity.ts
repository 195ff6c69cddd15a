/** The custom section of kernels.wasm that names the build. see: WebAssembly core specification, 5.5.3. */
export const IDENTITY_SECTION = "wasmgrad";

/**
 * 32-bit FNV-1a, an integer in [0, 2^32).
 * see: http://www.isthe.com/chongo/tech/comp/fnv
 */
export function fnv1a(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/** Hash of a build's bytes, in hexadecimal. */
export function hashOf(bytes: Uint8Array): string {
  return fnv1a(bytes).toString(16).padStart(8, "0");
}

/** The name of a build, as stored in kernels.wasm. */
export function identityOf(bytes: Uint8Array): string {
  return `reproducible ${hashOf(bytes)}`;
}
