import { ReleasedError } from "../errors.ts";
import { allocate, free } from "./memory.ts";
import { lostKernels } from "./parallel/pending.ts";

/** Names what is derived from a block: a word, and the numbers that it depends on. Compared one by one: a joined string would cost more. */
type Key = readonly [name: string, ...numbers: number[]];

/** Something computed from a block's contents, or that was asked for at least. */
interface Derived {
  readonly key: Key;
  block: Block | undefined;
  /** The block's version that it was computed from, and the one it was last asked of. */
  version: number;
  askedOf: number;
  /** How many kernels had been lost when it was computed: if one more is, it may have been the one that computed this. */
  lostBefore: number;
}

/** Writes a block's contents to an address: they come from elsewhere, like a file. */
export type Contents = (address: number) => void;

function isSameKey(a: Key, b: Key): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/**
 * A counted reference to a piece of WebAssembly memory. Tensors, the autograd graph and running ops each own it once; the last
 * owner to let go frees it. `version` counts the writes after its creation, so that the graph notices when a saved value
 * changed and a cache of packed weights notices when it is stale.
 */
export class Block {
  owners = 0;
  version = 0;
  readonly bytes: number;
  /** 0 while its contents are deferred: no block begins there. */
  #address: number;
  #contents: Contents | undefined;
  #derived: Derived[] | undefined;

  /** @param contents of a block that takes memory only once its address is asked for */
  constructor(bytes: number, contents?: Contents) {
    this.bytes = bytes;
    this.#contents = contents;
    this.#address = contents ? 0 : allocate(bytes);
  }

  get address(): number {
    if (this.owners === 0) throw new ReleasedError("memory was used after its release");
    if (this.#address === 0) this.#takeMemory();
    return this.#address;
  }

  /** What writes the contents elsewhere, while they are not in memory: whoever only copies them spares them the way through it. */
  get deferred(): Contents | undefined {
    return this.#address === 0 ? this.#contents : undefined;
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
      for (const { block } of this.#derived ?? []) block?.release();
      this.#derived = undefined;
      if (this.#address !== 0) free(this.#address, this.bytes);
      this.#contents = undefined;
    } else if (this.owners < 0) throw new Error("Block.release: more releases than owners");
  }

  /**
   * Whether `key` is asked for again since this block's contents changed. A training step reads a weight once: what can be derived from it
   * piece by piece, each used while the caches hold it, is better not kept as a whole before that.
   */
  isAskedAgain(key: Key): boolean {
    const entry = this.#entry(key);
    const again = entry.askedOf === this.version;
    entry.askedOf = this.version;
    return again;
  }

  /**
   * Address of `bytes` bytes that `fill` computes from this block's contents: computed anew only where these have changed since, and
   * kept as long as the block. `key` names what is computed.
   */
  derived(key: Key, bytes: number, fill: (address: number) => void): number {
    const entry = this.#entry(key);
    if (entry.block?.bytes !== bytes) {
      entry.block?.release();
      entry.block = undefined;
      entry.version = -1;
      entry.block = new Block(bytes);
      entry.block.retain();
    }
    const { address } = entry.block;
    if (entry.version !== this.version || entry.lostBefore !== lostKernels()) {
      entry.version = -1;
      fill(address);
      entry.version = this.version;
      entry.lostBefore = lostKernels();
    }
    return address;
  }

  #entry(key: Key): Derived {
    this.#derived ??= [];
    for (const entry of this.#derived) if (isSameKey(entry.key, key)) return entry;
    const entry: Derived = { key, block: undefined, version: -1, askedOf: -1, lostBefore: 0 };
    this.#derived.push(entry);
    return entry;
  }
}

let frame: Block[] | undefined;

/** How many frames were begun that are in no other: a clock for who used memory lately. */
export let frames = 0;

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
  if (!outer) frames++;
  const own: Block[] = [];
  frame = own;
  try {
    return body();
  } finally {
    frame = outer;
    for (const block of own) block.release();
  }
}
