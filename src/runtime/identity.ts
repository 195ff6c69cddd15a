/** The custom section of kernels.wasm that names the build. see: WebAssembly core specification, 5.5.3. */
export const IDENTITY_SECTION = "wasmgrad";

/**
 * Hash of a build's bytes: 32-bit FNV-1a, in hexadecimal.
 * see: http://www.isthe.com/chongo/tech/comp/fnv
 */
export function hashOf(bytes: Uint8Array): string {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, "0");
}

/** The name of a build, as stored in kernels.wasm. */
export function identityOf(bytes: Uint8Array): string {
  return `reproducible ${hashOf(bytes)}`;
}
