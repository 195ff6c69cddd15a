import { ReleasedError } from "../errors.ts";
import { allocate, free } from "./memory.ts";

/**
 * A counted reference to a piece of WebAssembly memory. Tensors, the autograd graph and running ops each own it once; the last
 * owner to let go frees it. `version` counts the writes after its creation, so that the graph notices when a saved value
 * changed and a cache of packed weights notices when it is stale.
 */
export class Block {
  owners = 0;
  version = 0;
  readonly bytes: number;
  readonly #address: number;
  #derived: Map<string, { block: Block; version: number }> | undefined;
  /** What was asked for, and the version it was last asked of. */
  #asked: Map<string, number> | undefined;

  constructor(bytes: number) {
    this.bytes = bytes;
    this.#address = allocate(bytes);
  }

  get address(): number {
    if (this.owners === 0) throw new ReleasedError("memory was used after its release");
    return this.#address;
  }

  retain(): void {
    this.owners++;
  }

  release(): void {
    if (--this.owners === 0) {
      for (const { block } of this.#derived?.values() ?? []) block.release();
      this.#derived = undefined;
      free(this.#address, this.bytes);
    } else if (this.owners < 0) throw new Error("Block.release: more releases than owners");
  }

  /**
   * Whether `key` is asked for again since this block's contents changed. A training step reads a weight once: what can be derived from it
   * piece by piece, each used while the caches hold it, is better not kept as a whole before that.
   */
  isAskedAgain(key: string): boolean {
    this.#asked ??= new Map();
    const again = this.#asked.get(key) === this.version;
    this.#asked.set(key, this.version);
    return again;
  }

  /**
   * Address of `bytes` bytes that `fill` computes from this block's contents: computed anew only where these have changed since, and
   * kept as long as the block. `key` names what is computed.
   */
  derived(key: string, bytes: number, fill: (address: number) => void): number {
    this.#derived ??= new Map();
    let entry = this.#derived.get(key);
    if (entry?.version === this.version && entry.block.bytes === bytes) return entry.block.address;
    if (entry?.block.bytes !== bytes) {
      entry?.block.release();
      this.#derived.delete(key);
      entry = { block: new Block(bytes), version: -1 };
      entry.block.retain();
      this.#derived.set(key, entry);
    }
    fill(entry.block.address);
    entry.version = this.version;
    return entry.block.address;
  }
}

let frame: Block[] | undefined;

/** Allocates a block owned by the running frame. */
export function allocateBlock(bytes: number): Block {
  if (!frame) throw new Error("allocateBlock: only inside withFrame()");
  const block = new Block(bytes);
  block.retain();
  frame.push(block);
  return block;
}

/**
 * Runs an op's body. Whatever it allocates is freed at its end, also when it throws, but for what `body` or its caller retains:
 * so an op never frees anything by hand, and running out of memory half-way loses nothing.
 */
export function withFrame<T>(body: () => T): T {
  const outer = frame;
  const own: Block[] = [];
  frame = own;
  try {
    return body();
  } finally {
    frame = outer;
    for (const block of own) block.release();
  }
}
