import { Block } from "./block.ts";

/** The blocks of the running frame. */
let frame: Block[] | undefined;

/** Number of outermost frames begun so far. It is a clock: it shows which tensors were used recently. */
export let frameCount = 0;

/** Allocates a block owned by the running frame. */
export function allocateBlock(bytes: number): Block {
  if (!frame) throw new Error("allocateBlock: only inside withFrame()");
  const block = new Block(bytes);
  block.retain();
  frame.push(block);
  return block;
}

/**
 * Runs an op's body. All blocks it allocates are released at the end, also when it throws. Blocks that `body`
 * or its caller retains stay alive. So an op frees nothing by hand, and running out of memory half-way
 * through leaks nothing.
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
