import { ReleasedError } from "../errors.ts";
import { type Address, NULL } from "./address.ts";
import { DerivedCache, type Key } from "./derived_cache.ts";
import { allocate, free } from "./memory.ts";

/** Writes a block's contents to an address. They come from elsewhere, such as a file. */
export type Contents = (address: Address) => void;

/**
 * A reference-counted piece of WebAssembly memory. Tensors, the autograd graph and running ops own it; the
 * last owner to release it frees it. `version` counts the writes since its creation: the graph compares it to
 * detect that a saved value changed, and the cache of packed weights to detect that it is stale.
 */
export class Block {
  owners = 0;
  version = 0;
  readonly bytes: number;
  /** NULL while its contents are deferred: no block begins there. */
  #address: Address;
  #contents: Contents | undefined;
  #derived: DerivedCache | undefined;

  /** @param contents makes the block deferred: it takes memory only when its address is first read */
  constructor(bytes: number, contents?: Contents) {
    this.bytes = bytes;
    this.#contents = contents;
    this.#address = contents ? NULL : allocate(bytes);
  }

  get address(): Address {
    if (this.owners === 0) throw new ReleasedError("memory was used after its release");
    if (this.#address === NULL) this.#takeMemory();
    return this.#address;
  }

  /** Writes the contents while they are not in memory yet: a caller that copies them can skip the memory. */
  get deferred(): Contents | undefined {
    return this.#address === NULL ? this.#contents : undefined;
  }

  #takeMemory(): void {
    const address = allocate(this.bytes);
    try {
      this.#contents?.(address);
    } catch (error) {
      free(address, this.bytes);
      throw error;
    }
    this.#address = address;
    this.#contents = undefined;
  }

  retain(): void {
    this.owners++;
  }

  release(): void {
    if (--this.owners === 0) {
      this.#derived?.release();
      this.#derived = undefined;
      if (this.#address !== NULL) free(this.#address, this.bytes);
      this.#contents = undefined;
    } else if (this.owners < 0) throw new Error("Block.release: more releases than owners");
  }

  /**
   * Whether `key` was already requested since this block's contents last changed. In training a
   * weight changes at each step, so a value derived from it is usually needed only once. In that case it is
   * faster to derive the value piece by piece, and to use each piece while the processor's caches hold it,
   * than to compute and keep the whole.
   */
  wasRequested(key: Key): boolean {
    return (this.#derived ??= new DerivedCache()).wasRequested(key, this.version);
  }

  /**
   * Address of `bytes` bytes that `compute` derives from this block's contents. They are computed again only
   * after the contents changed, and are kept as long as the block. `key` names the value.
   */
  cached(key: Key, bytes: number, compute: (address: Address) => void): Address {
    return (this.#derived ??= new DerivedCache()).cached(key, bytes, this.version, compute);
  }
}
