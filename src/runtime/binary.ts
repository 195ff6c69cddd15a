import type { OwnBytes } from "../typed_arrays.ts";
import { IDENTITY, MEMORY_FLAGS } from "./code/about.generated.ts";
import { base, unpack } from "./code/plain.ts";
import { isShared } from "./linear_memory.ts";
import { replaceBodies } from "./wasm_binary.ts";

/** "fast" uses relaxed SIMD, with fused multiply-add if the processor has it. */
export type Precision = "reproducible" | "fast";

/** The parts that the program contains, beside the base. */
const parts: string[] = [];
/** What differs in the relaxed-SIMD build, in programs that can choose it. */
let relaxedPart = "";

/** Adds a part of the kernels, which the program uses. */
export function addPart(code: string): void {
  parts.push(code);
}

/** Sets what differs in the relaxed-SIMD build. */
export function setRelaxedPart(code: string): void {
  relaxedPart = code;
}

/** Whether the program contains kernels: those of pages that load kernels.wasm have none. */
export function hasKernelBytes(precision: Precision): boolean {
  return base !== "" && (precision === "reproducible" || relaxedPart !== "");
}

/**
 * The bytes of the kernels. The module imports a shared memory, and engines do not accept a plain memory
 * instead. But kernels contain no atomic instructions, so they also work with a plain memory. If the memory
 * is plain, the bit "shared" in the flags of the import is therefore cleared.
 */
export function kernelBytes(precision: Precision): OwnBytes {
  const used = precision === "fast" ? [...parts, relaxedPart] : parts;
  const bytes = replaceBodies(
    unpack(base),
    used.map((part) => unpack(part)),
  );
  if (!isShared) bytes[MEMORY_FLAGS] &= ~2;
  return bytes;
}

/** The name of this version's build, which is also in a custom section of kernels.wasm. */
export function identity(): string {
  return IDENTITY;
}
