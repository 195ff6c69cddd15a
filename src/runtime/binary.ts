import { kernelsBase64, MEMORY_FLAGS, relaxedPieces } from "./binary.generated.ts";
import { identityOf } from "./identity.ts";
import { isShared } from "./linear_memory.ts";
import { joined } from "./wasm_binary.ts";

/** "fast" uses relaxed SIMD, with fused multiply-add if the processor has it. */
export type Precision = "reproducible" | "fast";

function decodeBase64(text: string): ReturnType<Uint8ArrayConstructor["of"]> {
  const { Buffer } = globalThis as { Buffer?: typeof import("node:buffer").Buffer };
  // Buffer avoids the loop below, which takes some milliseconds at the start of a program
  if (Buffer) return new Uint8Array(Buffer.from(text, "base64"));
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/**
 * The bytes of the kernels. The module imports a shared memory, and engines do not accept a plain memory
 * instead. But kernels contain no atomic instructions, so they also work with a plain memory. If the memory
 * is plain, the bit "shared" in the flags of the import is therefore cleared.
 */
export function kernelBytes(precision: Precision): ReturnType<Uint8ArrayConstructor["of"]> {
  const bytes = decodeBase64(kernelsBase64);
  if (!isShared) bytes[MEMORY_FLAGS] &= ~2;
  if (precision === "reproducible") return bytes;
  const pieces = relaxedPieces.map((piece) =>
    typeof piece === "string" ? decodeBase64(piece) : bytes.subarray(...piece),
  );
  return joined(pieces);
}

/** The name of this version's build, which is also in a custom section of kernels.wasm. */
export function identity(): string {
  return identityOf(decodeBase64(kernelsBase64));
}
