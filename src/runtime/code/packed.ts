/** The code that the library contains, for pages: small to load. Takes the place of plain.ts there. */
import type { OwnBytes } from "../../typed_arrays.ts";
import { decodeBase64 } from "./base64.ts";
import { decodeLzma } from "./lzma.ts";

export * from "./packed.generated.ts";

/** The program that compiles kernels for vectors of 256 bits, which only Node can run. */
export const compileWorkerSource: string = "";

export function unpack(code: string): OwnBytes {
  return decodeLzma(decodeBase64(code));
}
