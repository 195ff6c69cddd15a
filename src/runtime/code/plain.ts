/**
 * The code that the library contains, where files are read from a disk: fast to decode. For pages, packed.ts
 * takes the place of this module, and none.ts in programs that load kernels.wasm themselves (see
 * docs/platforms.md).
 */

export { compileWorkerSource } from "../wide/compile_worker.generated.ts";
export { decodeBase64 as unpack } from "./base64.ts";
export * from "./plain.generated.ts";
