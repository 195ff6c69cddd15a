import { OptionError, OutOfMemoryError } from "../errors.ts";
import { type Address, offset, PAGE_BYTES } from "./address.ts";
import { expectMemory, linearMemory, MAX_PAGES, maximumPages } from "./linear_memory.ts";
import { settle, whenSettled } from "./parallel/pending.ts";
import { wordsOf } from "./support.ts";

/**
 * The allocator and the views of the linear memory.
 *
 * Blocks come in size classes, four per power of two (… 256, 320, 384, 448, 512, 640 … bytes), so at most a
 * fifth of a block is wasted. A freed block is pushed on its class's stack, and the next request of that
 * class pops it. Both are O(1), and a steady training loop keeps using the same blocks, which are in the
 * processor's caches. New blocks are cut from the end of the heap, which grows on demand. Only when the heap
 * is full are free neighbours merged and cut again.
 */

/**
 * The first page belongs to the kernels. The heap's start is fixed, because tensors may be created before the
 * kernels are instantiated.
 */
export const HEAP_START = PAGE_BYTES as Address;
/**
 * Every block ends with this many extra bytes, which kernels may read but never write: the vector loads at
 * the end of an array read them. They also stagger blocks whose size is a power of two.
 */
const SLACK = 64;
const MIN_GROWTH = 16 * 1024 * 1024;
/**
 * A freed block of at most this size is reused only when no pending kernel reads it. So `writeNew` need not
 * wait for the pending kernel.
 */
const TABLE_BYTES = 256;

interface FreeRange {
  start: Address;
  end: Address;
}

const freeByClass: Address[][] = [];
/** Free ranges whose sizes are not those of any class. They are used only once the heap is full. */
let merged: FreeRange[] = [];
let heapEnd = HEAP_START;
let limit = maximumPages * PAGE_BYTES;
/** The engine's error when it last refused to let the memory grow. */
let growthRefused = "";
let liveBytes = 0;
let peakBytes = 0;
let liveBlocks = 0;
let allocatedBytes = 0;

function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}

/**
 * Size in bytes of the blocks of each class, including the slack: multiples of 64 up to 256, then four steps
 * per power of two, up to 4 GiB.
 */
const CLASS_SIZES: readonly number[] = Array.from({ length: 100 }, (_, index) => {
  if (index < 4) return (index + 1) * 64 + SLACK;
  const log = Math.floor(index / 4) + 7;
  return 2 ** log + ((index % 4) + 1) * 2 ** (log - 2) + SLACK;
});

/** Index of the smallest class whose blocks hold `bytes`. */
function classOf(bytes: number): number {
  // 2^log < bytes <= 2^(log+1)
  let index = bytes <= 256 ? 0 : (31 - Math.clz32(bytes - 1) - 7) * 4;
  while (CLASS_SIZES[index] < bytes + SLACK) index++;
  return index;
}

function growTo(end: number): boolean {
  growthRefused = "";
  if (end > limit) return false;
  const have = linearMemory.buffer.byteLength;
  if (end <= have) return true;
  const generous = Math.max(end, have + MIN_GROWTH, have * 1.125);
  for (const target of [Math.min(limit, roundUp(generous, PAGE_BYTES)), roundUp(end, PAGE_BYTES)]) {
    try {
      linearMemory.grow((target - have) / PAGE_BYTES);
      return true;
    } catch (error) {
      // the engine or the system refuses this size: try the smallest sufficient size, then give up
      growthRefused = wordsOf(error);
    }
  }
  return false;
}

/**
 * Set by higher layers, which handle exhausted memory because they know all tensors. `reclaim` frees
 * unreachable tensors and returns whether to try again; `explain` returns a text for the error.
 */
export const exhaustion = { reclaim: () => false, explain: () => "" };

/** Allocates a block of at least `bytes` bytes, aligned to 64 bytes. Its contents are undefined. */
export function allocate(bytes: number): Address {
  const index = bytes <= limit ? classOf(bytes) : -1;
  let address = index < 0 ? undefined : findBlock(index);
  if (address === undefined && index >= 0 && exhaustion.reclaim()) address = findBlock(index);
  if (address === undefined) {
    expectMemory();
    if (index < 0) growthRefused = "";
    const have = linearMemory.buffer.byteLength;
    throw new OutOfMemoryError(
      `out of memory: ${bytes} bytes asked for, ${liveBytes} bytes in ${liveBlocks} live blocks, limit ${limit} bytes` +
        (growthRefused ? `, of which the system gives no more than ${have} now (${growthRefused}). ` : ". ") +
        "Release what is no longer needed: make tensors inside scope() or a DataLoader loop, use a smaller batch, or run under noGrad()." +
        exhaustion.explain(),
    );
  }
  liveBytes += CLASS_SIZES[index];
  allocatedBytes += CLASS_SIZES[index];
  liveBlocks++;
  if (liveBytes > peakBytes) peakBytes = liveBytes;
  return address;
}

/** Frees a block that `allocate(bytes)` returned. */
export function free(address: Address, bytes: number): void {
  const index = classOf(bytes);
  liveBytes -= CLASS_SIZES[index];
  liveBlocks--;
  if (bytes > TABLE_BYTES) giveBack(address, index);
  else whenSettled(() => giveBack(address, index));
}

function giveBack(address: Address, index: number): void {
  (freeByClass[index] ??= []).push(address);
}

function findBlock(index: number): Address | undefined {
  const size = CLASS_SIZES[index];
  const found = freeByClass[index]?.pop() ?? takeFromHeap(size);
  if (found !== undefined) return found;
  settle();
  return takeFromLarger(index) ?? takeFromMerged(size);
}

function takeFromHeap(size: number): Address | undefined {
  if (!growTo(heapEnd + size)) return undefined;
  const address = heapEnd;
  heapEnd = offset(heapEnd, size);
  return address;
}

/** Used when the heap is full: cuts a free block of a larger class to size. The rest is left for merging. */
function takeFromLarger(index: number): Address | undefined {
  const size = CLASS_SIZES[index];
  for (let larger = index + 1; larger < freeByClass.length; larger++) {
    const address = freeByClass[larger]?.pop();
    if (address === undefined) continue;
    merged.push({ start: offset(address, size), end: offset(address, CLASS_SIZES[larger]) });
    return address;
  }
  return undefined;
}

/** Last resort: merges all free neighbours into ranges, and takes the first range that is large enough. */
function takeFromMerged(size: number): Address | undefined {
  for (let index = 0; index < freeByClass.length; index++) {
    for (const start of freeByClass[index] ?? []) {
      merged.push({ start, end: offset(start, CLASS_SIZES[index]) });
    }
    freeByClass[index] = [];
  }
  merged.sort((a, b) => a.start - b.start);
  const joined: FreeRange[] = [];
  for (const range of merged) {
    const last = joined.at(-1);
    if (last && last.end === range.start) last.end = range.end;
    else if (range.end > range.start) joined.push({ ...range });
  }
  if (joined.at(-1)?.end === heapEnd) heapEnd = (joined.pop() as FreeRange).start;
  merged = joined;
  const found = merged.find((range) => range.end - range.start >= size);
  if (!found) return takeFromHeap(size);
  const { start } = found;
  found.start = offset(start, size);
  return start;
}

/**
 * Limits WebAssembly memory to `bytes`, rounded down to whole pages of 64 KiB. Default and maximum: 4 GiB, or
 * the largest smaller power of two that the system allows. Memory that is already reserved is kept.
 */
export function setMemoryLimit(bytes: number): void {
  if (!(bytes > 0 && bytes <= MAX_PAGES * PAGE_BYTES)) {
    throw new OptionError(`setMemoryLimit: expected bytes in (0, ${MAX_PAGES * PAGE_BYTES}], got ${bytes}`);
  }
  limit = Math.min(Math.floor(bytes / PAGE_BYTES), maximumPages) * PAGE_BYTES;
}

/** Total number of bytes allocated so far, including bytes that have been freed. */
export function bytesAllocated(): number {
  return allocatedBytes;
}

/** Counts of the allocator. `reservedBytes` is the size of the WebAssembly memory, which never shrinks. */
export function allocatorStatistics() {
  return { liveBlocks, liveBytes, peakBytes, reservedBytes: linearMemory.buffer.byteLength };
}

/** Starts a new measurement of `peakBytes`. */
export function resetPeak(): void {
  peakBytes = liveBytes;
}

// A view is created for each use and never kept across an allocation or a launch: if the memory grows, older
// views may be detached, and a pending kernel may write at any time.

export function f32View(address: Address, length: number): Float32Array {
  settle();
  return new Float32Array(linearMemory.buffer, address, length);
}

export function i32View(address: Address, length: number): Int32Array {
  settle();
  return new Int32Array(linearMemory.buffer, address, length);
}

export function u8View(address: Address, length: number): Uint8Array {
  settle();
  return new Uint8Array(linearMemory.buffer, address, length);
}

// Views of the whole memory at the time when they were created. They are kept, because creating a view per
// table would take longer than filling the table. (If a plain memory grows, they are detached: their length
// is 0.)
let allFloats = new Float32Array(linearMemory.buffer);
let allInts = new Int32Array(linearMemory.buffer);

/**
 * Writes numbers to a new block, which no kernel uses yet. Unlike a view, it does not settle the pending
 * kernel, except for large blocks.
 */
export function writeNew(address: Address, values: readonly number[], dtype: "float32" | "int32"): void {
  if (4 * values.length > TABLE_BYTES) settle();
  if (address + 4 * values.length > allFloats.byteLength) {
    allFloats = new Float32Array(linearMemory.buffer);
    allInts = new Int32Array(linearMemory.buffer);
  }
  const to = dtype === "float32" ? allFloats : allInts;
  for (let i = 0, at = address / 4; i < values.length; i++) to[at + i] = values[i];
}
