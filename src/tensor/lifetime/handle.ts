import type { GraphNode } from "../../autograd/graph.ts";
import { ReleasedError } from "../../errors.ts";
import type { Block } from "../../runtime/block.ts";

/** An object with a handle. Every tensor is one. */
export interface Owned {
  readonly handle: Handle;
}

let liveTensors = 0;

/**
 * Handles in the order in which they were added, as a linked list. With a Set instead, creating a small
 * tensor would take longer by a fifth.
 */
export class HandleList {
  oldest: Handle | null = null;
  #newest: Handle | null = null;

  /** Moves the handle from its current list to this one. */
  add(handle: Handle): void {
    handle.list?.delete(handle);
    handle.list = this;
    handle.previous = this.#newest;
    if (this.#newest) this.#newest.next = handle;
    else this.oldest = handle;
    this.#newest = handle;
  }

  /** Removes a handle that is in this list. */
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

/** Handles of tensors that are left to the garbage collector. */
export const unscoped = new HandleList();

/**
 * The resources of a tensor: its block and its place in the graph. They are separate from the tensor, so that
 * they can be released after the tensor was garbage-collected.
 */
export class Handle {
  block: Block;
  /** The op that produced the tensor, as long as a gradient may flow through it. */
  node: GraphNode | null = null;
  /**
   * The list that contains this handle: that of a scope, or `unscoped`. Null after the release, and for a
   * gradient, which is released with its tensor.
   */
  list: HandleList | null = null;
  /** The neighbours of this handle in `list`. */
  previous: Handle | null = null;
  next: Handle | null = null;
  /** The handle of the tensor's gradient, which is released together with the tensor. */
  grad: Handle | null = null;
  /** If this tensor is the `grad` of another tensor: the handle of that tensor. */
  gradOf: Handle | null = null;
  /** True once the user has called keep() on this gradient. zeroGrad() then does not release it. */
  kept = false;
  /** The frame (see `frameCount`) in which the tensor's memory was last requested. */
  usedIn = 0;
  /** The cause of the release, or null before the release. */
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

  /** Detaches the gradient and returns it. The caller then owns it. */
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

/** The place where each live tensor was created. Recorded after setMemoryDebug(true). */
export const origins = new Map<Handle, Error>();

export function liveTensorCount(): number {
  return liveTensors;
}
