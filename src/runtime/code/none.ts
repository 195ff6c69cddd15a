/**
 * No code: takes the place of plain.ts in programs that load kernels.wasm themselves and pass it to
 * `useKernels`.
 */
import type { OwnBytes } from "../../typed_arrays.ts";

export const base: string = "";
export const conv: string = "";
export const image: string = "";
export const loss: string = "";
export const norm: string = "";
export const optim: string = "";
export const pool: string = "";
export const random: string = "";
export const recurrent: string = "";
export const relaxed: string = "";
export const compileWorkerSource: string = "";

export function unpack(): OwnBytes {
  return new Uint8Array(0);
}
