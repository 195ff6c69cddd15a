import type { OwnBytes } from "../../typed_arrays.ts";

/** Decodes base64. */
export function decodeBase64(text: string): OwnBytes {
  const { Buffer } = globalThis as { Buffer?: typeof import("node:buffer").Buffer };
  // Buffer avoids the loop below, which takes some milliseconds at the start of a program
  if (Buffer) return new Uint8Array(Buffer.from(text, "base64"));
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}
