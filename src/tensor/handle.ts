import { ReleasedError } from "../errors.ts";
import type { Block } from "../wasm/block.ts";
import type { Node } from "./graph.ts";
import type { Scope } from "./scope.ts";

let liveTensors = 0;

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
    this.scope?.handles.delete(this);
    this.scope = null;
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

export function liveTensorCount(): number {
  return liveTensors;
}

/** The backstop for tensors that no scope owns: they are released when the garbage collector finds them. */
export const finalizer = new FinalizationRegistry<Handle>((handle) => handle.release("the garbage collector"));
