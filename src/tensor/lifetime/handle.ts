import type { GraphNode } from "../../autograd/graph.ts";
import { ReleasedError } from "../../errors.ts";
import type { Block } from "../../runtime/block.ts";

/** Anything that holds a handle: a Tensor. */
export interface Owned {
  readonly handle: Handle;
}

let liveTensors = 0;

/**
 * Handles in the order in which they came. Linked through the handles themselves: a Set would take a fifth of
 * the time of a small tensor.
 */
export class HandleList {
  oldest: Handle | null = null;
  #newest: Handle | null = null;

  /** Takes the handle out of the list that it is in, and in here. */
  add(handle: Handle): void {
    handle.list?.delete(handle);
    handle.list = this;
    handle.previous = this.#newest;
    if (this.#newest) this.#newest.next = handle;
    else this.oldest = handle;
    this.#newest = handle;
  }

  /** Takes out a handle that is in this list. */
  delete(handle: Handle): void {
    const { previous, next } = handle;
    if (previous) previous.next = next;
    else this.oldest = next;
    if (next) next.previous = previous;
    else this.#newest = previous;
    handle.list = handle.previous = handle.next = null;
  }

  *[Symbol.iterator](): IterableIterator<Handle> {
    for (let handle = this.oldest; handle; handle = handle.next) yield handle;
  }
}

/** Of tensors in the garbage collector's care. */
export const unscoped = new HandleList();

/**
 * What a tensor owns: its block and its place in the graph. Held apart from the tensor, so that it
 * can be released after it.
 */
export class Handle {
  block: Block;
  /** The op that made the tensor, while a gradient may still flow through it. */
  node: GraphNode | null = null;
  /**
   * The owner that releases it: a scope's list, or `unscoped`. Null for a gradient, which goes with its
   * tensor, and after the release.
   */
  list: HandleList | null = null;
  /** Its neighbours in that list. */
  previous: Handle | null = null;
  next: Handle | null = null;
  /** Released together with this one: a gradient goes with its tensor. */
  grad: Handle | null = null;
  /** The inverse of `grad`: the tensor of a gradient. */
  gradOf: Handle | null = null;
  /** True once the user called keep(): then its tensor's zeroGrad() leaves it alone. */
  kept = false;
  /** The frame (see `frameCount`) in which its memory was last asked for. */
  usedIn = 0;
  /** Set at release: what released it. */
  releasedBy: string | null = null;

  constructor(block: Block) {
    this.block = block;
    block.retain();
    liveTensors++;
  }

  replaceBlock(block: Block): void {
    block.retain();
    this.block.release();
    this.block = block;
  }

  setNode(node: GraphNode): void {
    node.retain();
    this.node = node;
  }

  dropNode(): void {
    this.node?.release();
    this.node = null;
  }

  ownGrad(grad: Handle): void {
    grad.list?.delete(grad);
    grad.gradOf = this;
    this.grad = grad;
  }

  /** Leaves the gradient to the caller. */
  disownGrad(): Handle | null {
    const { grad } = this;
    if (grad) grad.gradOf = null;
    this.grad = null;
    return grad;
  }

  release(reason: string): void {
    if (this.releasedBy !== null) return;
    this.releasedBy = reason;
    this.list?.delete(this);
    if (origins.size > 0) origins.delete(this);
    this.block.release();
    this.dropNode();
    if (this.grad?.kept === false) this.grad.release(reason);
    liveTensors--;
  }

  check(what: string): void {
    if (this.releasedBy !== null) {
      throw new ReleasedError(
        `${what} was used after its release by ${this.releasedBy}. To keep a tensor longer, call keep(tensor), or return it from scope().`,
      );
    }
  }
}

/** Where live tensors were made, with setMemoryDebug(true). */
export const origins = new Map<Handle, Error>();

export function liveTensorCount(): number {
  return liveTensors;
}
