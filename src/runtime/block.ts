import { ReleasedError } from "../errors.ts";
import { type Address, NULL } from "./address.ts";
import { DerivedCache, type Key } from "./derived_cache.ts";
import { allocate, free } from "./memory.ts";

/** Writes the contents of a deferred block to an address. The contents come from a file, for example. */
export type Contents = (address: Address) => void;

/**
 * A reference-counted piece of WebAssembly memory. Tensors, the autograd graph and running ops own it; the
 * last owner to release it frees it. `version` counts the writes since the block was created. By comparing
 * versions, the graph detects that a saved value has changed, and the cache of packed weights detects that it
 * is stale.
 */
export class Block {
  owners = 0;
  version = 0;
  readonly bytes: number;
  /** NULL while the contents are deferred. No block begins at address 0. */
  #address: Address;
  #contents: Contents | undefined;
  #derived: DerivedCache | undefined;

  /** @param contents makes the block deferred: its memory is allocated when its address is first read */
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

  /**
   * The function that writes the contents if the block is still deferred: copying needs no memory for the
   * block.
   */
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
   * Whether `key` was already requested since this block's contents last changed. In training, a weight
   * changes at each step, so a value derived from it is usually needed only once. It is then faster to derive
   * the value piece by piece, and to use each piece while it is in the processor's caches, than to compute
   * and keep the whole value.
   */
  wasRequested(key: Key): boolean {
    return (this.#derived ??= new DerivedCache()).wasRequested(key, this.version);
  }

  /**
   * Address of `bytes` bytes that `compute` derives from this block's contents. They are computed again only
   * if the contents have changed, and are kept as long as the block. `key` names the derived value.
   */
  cached(key: Key, bytes: number, compute: (address: Address) => void): Address {
    return (this.#derived ??= new DerivedCache()).cached(key, bytes, this.version, compute);
  }
}
