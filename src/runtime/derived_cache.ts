import { type Address, NULL } from "./address.ts";
import { allocate, free } from "./memory.ts";
import { lostKernels } from "./parallel/pending.ts";

/**
 * Identifies a value derived from a block: a word and the numbers on which the value depends. They are
 * compared one by one, which is faster than joining them into a string.
 */
export type Key = readonly [name: string, ...numbers: number[]];

/** A value that was requested, and maybe computed. */
interface Entry {
  readonly key: Key;
  /** The address of the value, or 0 until memory is allocated for it. */
  address: Address;
  bytes: number;
  /** The block's version that the value was computed from, and the version at the last request. */
  computedFromVersion: number;
  requestedAtVersion: number;
  /**
   * The result of `lostKernels()` when the value was computed. If it has changed, the value may be invalid.
   */
  lostAtCompute: number;
}

const NEVER = -1;

function isSameKey(a: Key, b: Key): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Values computed from the contents of one block, such as packed weights. The block owns its cache. */
export class DerivedCache {
  readonly #entries: Entry[] = [];

  /** Whether `key` was already requested at this version of the block. Records the request. */
  wasRequested(key: Key, version: number): boolean {
    const entry = this.#entry(key);
    const before = entry.requestedAtVersion === version;
    entry.requestedAtVersion = version;
    return before;
  }

  /** Address of the value of `bytes` bytes. `compute` writes it unless this version's value is cached. */
  cached(key: Key, bytes: number, version: number, compute: (address: Address) => void): Address {
    const entry = this.#entry(key);
    if (entry.address === NULL || entry.bytes !== bytes) {
      freeEntry(entry);
      entry.address = allocate(bytes);
      entry.bytes = bytes;
    }
    if (entry.computedFromVersion !== version || entry.lostAtCompute !== lostKernels()) {
      entry.computedFromVersion = NEVER; // in case compute throws
      compute(entry.address);
      entry.computedFromVersion = version;
      entry.lostAtCompute = lostKernels();
    }
    return entry.address;
  }

  /** Frees all values. */
  release(): void {
    for (const entry of this.#entries.splice(0)) freeEntry(entry);
  }

  #entry(key: Key): Entry {
    for (const entry of this.#entries) if (isSameKey(entry.key, key)) return entry;
    const entry: Entry = {
      key,
      address: NULL,
      bytes: 0,
      computedFromVersion: NEVER,
      requestedAtVersion: NEVER,
      lostAtCompute: 0,
    };
    this.#entries.push(entry);
    return entry;
  }
}

function freeEntry(entry: Entry): void {
  if (entry.address !== NULL) free(entry.address, entry.bytes);
  entry.address = NULL;
  entry.bytes = 0;
  entry.computedFromVersion = NEVER;
}
