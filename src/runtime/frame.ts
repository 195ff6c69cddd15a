import { Block } from "./block.ts";

/** The blocks of the running frame. */
let frame: Block[] | undefined;

/**
 * Number of outermost frames begun so far. Used as a clock, to determine which tensors were used recently.
 */
export let frameCount = 0;

/** Allocates a block owned by the running frame. */
export function allocateBlock(bytes: number): Block {
  if (!frame) throw new Error("allocateBlock: only inside withFrame()");
  const block = new Block(bytes);
  block.retain();
  frame.push(block);
  return block;
}

/** Makes the running frame an owner of a block, which then stays until the frame ends. */
export function adoptBlock(block: Block): void {
  if (!frame) throw new Error("adoptBlock: only inside withFrame()");
  block.retain();
  frame.push(block);
}

/**
 * Runs the body of an op. All blocks that it allocates are released at the end, even if it throws. Blocks
 * that `body` or its caller retains stay alive. Ops therefore free nothing explicitly, and an op that runs
 * out of memory leaks nothing.
 */
export function withFrame<T>(body: () => T): T {
  const outer = frame;
  if (!outer) frameCount++;
  const own: Block[] = [];
  frame = own;
  try {
    return body();
  } finally {
    frame = outer;
    for (const block of own) block.release();
  }
}
