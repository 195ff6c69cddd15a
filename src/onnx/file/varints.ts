import { DataError } from "../../errors.ts";
import { toInteger } from "./element_types.ts";

/** The number of integers in a packed field: each ends with a byte below 128. */
export function countVarints(bytes: Uint8Array): number {
  let count = 0;
  for (let i = 0; i < bytes.length; i++) if (bytes[i] < 128) count++;
  return count;
}

/**
 * Reads the integers of a packed field. They are exact up to 2^53, and rounded above.
 *
 * @param put takes each integer
 * @throws DataError for an integer of more than ten bytes, or that ends too early.
 */
export function readVarints(what: string, bytes: Uint8Array, signed: boolean, put: (value: number) => void): void {
  for (let at = 0; at < bytes.length; ) {
    let low = 0;
    let high = 0;
    let byte = 128;
    for (let shift = 0; byte >= 128; shift += 7) {
      if (shift >= 70 || at >= bytes.length) throw new DataError(`${what}: an integer without end`);
      byte = bytes[at++];
      const seven = byte & 127;
      if (shift < 32) low |= seven << shift;
      if (shift === 28) high |= seven >> 4;
      else if (shift > 28) high |= seven << (shift - 32);
    }
    put(toInteger(low >>> 0, signed ? high : high >>> 0));
  }
}

/** Removes the length before the bytes of a packed field. */
export function withoutLength(bytes: Uint8Array): Uint8Array {
  let at = 0;
  while (bytes[at] >= 128) at++;
  return bytes.subarray(at + 1);
}
