import { ReleasedError } from "../errors.ts";
import type { Block } from "../wasm/block.ts";
import type { Node } from "./graph.ts";
import type { Scope } from "./scope.ts";

/** Anything that holds a handle: a Tensor. */
export interface Owned {
  readonly handle: Handle;
}

let liveTensors = 0;
let newestUnscoped: Handle | null = null;

/** What a tensor owns: its block and its place in the graph. Held apart from the tensor, so that it can be released after it. */
export class Handle {
  block: Block;
  /** The op that made the tensor, while a gradient may still flow through it. */
  node: Node | null = null;
  scope: Scope | null = null;
  /** Released together with this one: a gradient goes with its tensor. */
  grad: Handle | null = null;
  /** The other way round, for a gradient. */
  gradOf: Handle | null = null;
  /** True once the user called keep(): then its tensor's zeroGrad() leaves it alone. */
  kept = false;
  /** The frame (see `frames`) in which its memory was last asked for. */
  usedIn = 0;
  /** Its neighbours among `unscoped`. */
  private previous: Handle | null = null;
  private next: Handle | null = null;
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

  setNode(node: Node): void {
    node.retain();
    this.node = node;
  }

  dropNode(): void {
    this.node?.release();
    this.node = null;
  }

  ownGrad(grad: Handle): void {
    grad.scope?.handles.delete(grad);
    grad.scope = null;
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
    if (this.scope) this.scope.handles.delete(this);
    else this.#leaveUnscoped();
    this.scope = null;
    if (origins.size > 0) origins.delete(this);
    this.block.release();
    this.dropNode();
    if (this.grad?.kept === false) this.grad.release(reason);
    liveTensors--;
  }

  /** Notes that its tensor is in the garbage collector's care. A list of its own: a Set would take a fifth of the time of a small tensor. */
  enterUnscoped(): void {
    if (this.previous || newestUnscoped === this) return;
    this.previous = newestUnscoped;
    if (newestUnscoped) newestUnscoped.next = this;
    newestUnscoped = this;
  }

  #leaveUnscoped(): void {
    if (this.next) this.next.previous = this.previous;
    else if (newestUnscoped === this) newestUnscoped = this.previous;
    if (this.previous) this.previous.next = this.next;
    this.previous = null;
    this.next = null;
  }

  /** Live handles of tensors in the garbage collector's care. */
  static unscoped(): Handle[] {
    const handles: Handle[] = [];
    for (let handle = newestUnscoped; handle; handle = handle.previous) handles.push(handle);
    return handles;
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
