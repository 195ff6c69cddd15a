import { AutogradError } from "../errors.ts";
import type { NDArray } from "../ops/core/array.ts";
import type { Op } from "../ops/core/op.ts";
import { recorder } from "../ops/core/recorder.ts";
import { withFrame } from "../runtime/frame.ts";

/** A function that sees a gradient and may return another one in its place: see `Tensor.registerHook`. */
export interface GradientHook {
  onArray(grad: NDArray): NDArray;
}

/** A tensor that accumulates its gradient: one that the user created with `requiresGrad`. */
export interface Leaf {
  readonly gradientHooks: readonly GradientHook[] | null;
  accumulateGrad(grad: NDArray): void;
}

/** The part of a tensor that the graph uses. */
export interface Differentiable extends Leaf {
  readonly handle: { readonly node: GraphNode | null };
}

/**
 * What a function passed to `checkpoint()` computes. Its nodes keep no saved arrays; `restore` runs the
 * function again and gives them back.
 */
export interface Recomputation {
  /** Called for each node that is recorded while the function runs. Returns false if it drops its arrays. */
  add(node: GraphNode): boolean;
  restore(): void;
  /** Called when the last owner releases a node that dropped its arrays. */
  drop(): void;
}

let recomputation: Recomputation | null = null;

/** Runs `body`; nodes that it records belong to `owner`. */
export function recordFor<T>(owner: Recomputation | null, body: () => T): T {
  const outer = recomputation;
  recomputation = owner;
  try {
    return body();
  } finally {
    recomputation = outer;
  }
}

/** An input of an op: the node that produced it, a leaf, or null if it needs no gradient. */
export type Edge = GraphNode | Leaf | null;

let nextId = 0;

/** Whether a `checkpoint()` is running its function again. */
export let recomputing = false;

/** Runs the function of a `checkpoint()` again; `collect` gets the nodes, which keep their arrays. */
export function recordAgain<T>(collect: (node: GraphNode) => void, body: () => T): T {
  const outer = recomputing;
  recomputing = true;
  const add = (node: GraphNode) => {
    collect(node);
    return true;
  };
  try {
    return recordFor({ add, restore() {}, drop() {} }, body);
  } finally {
    recomputing = outer;
  }
}

/**
 * One application of an op, with edges to the nodes that produced its inputs. Reference-counted like a block:
 * tensors and later nodes own it; the last owner to release it frees its saved arrays and then its inputs.
 */
export class GraphNode {
  /**
   * Increases with each new node. A node's inputs have smaller ids, so descending order is a topological
   * order.
   */
  readonly id = nextId++;
  readonly op: Op;
  edges: readonly Edge[];
  #owners = 0;
  #versions: number[];
  #released = false;
  /** Set while the arrays that the op saved must be computed again. */
  #recomputation: Recomputation | null = null;
  /** The gradient accumulated so far in a backward pass. */
  grad: NDArray | null = null;
  /** Called with the gradient of the op's result, in order. */
  gradientHooks: GradientHook[] | null = null;

  constructor(op: Op, edges: readonly Edge[]) {
    this.op = op;
    this.edges = edges;
    for (const edge of edges) if (edge instanceof GraphNode) edge.retain();
    if (recomputation?.add(this) === false) {
      this.#recomputation = recomputation;
      op.saved = [];
    }
    for (const array of op.saved) array?.block.retain();
    this.#versions = op.saved.map((array) => array?.block.version ?? 0);
  }

  retain(): void {
    this.#owners++;
  }

  release(): void {
    // a loop rather than recursion, because graphs may be deep
    const pending: GraphNode[] = [this];
    for (let node = pending.pop(); node; node = pending.pop()) {
      if (--node.#owners > 0) continue;
      node.releaseSaved();
      for (const edge of node.edges) if (edge instanceof GraphNode) pending.push(edge);
      node.edges = [];
      node.#recomputation?.drop();
    }
  }

  /**
   * Releases the op's saved arrays. An op that saved nothing can run backward a second time, as in PyTorch.
   */
  releaseSaved(): void {
    if (this.op.saved.length === 0) return;
    this.#released = true;
    for (const array of this.op.saved) array?.block.release();
    this.op.saved = [];
  }

  /** Takes over the arrays that another application of the same op saved. */
  restoreSaved(from: GraphNode): void {
    if (this.#owners === 0) return;
    this.releaseSaved();
    this.#released = false;
    this.op.saved = from.op.saved;
    for (const array of this.op.saved) array?.block.retain();
    this.#versions = [...from.#versions];
  }

  /** Checks that the saved arrays are there and unchanged, or computes them again inside `checkpoint()`. */
  expectSaved(): void {
    const { op } = this;
    if (this.#recomputation && op.saved.length === 0) this.#recomputation.restore();
    else if (this.#released) {
      throw new AutogradError(
        `backward: what ${op.name} saved was already released by an earlier backward(); pass { retainGraph: true } to that one`,
      );
    }
    op.saved.forEach((array, i) => {
      if (array && array.block.version !== this.#versions[i]) {
        throw new AutogradError(
          `backward: a value that ${op.name} saved for its gradient was changed in place since (by an optimizer step, loadStateDict or copy)`,
        );
      }
    });
  }

  /** Runs the op's backward and sends the resulting gradients along the edges. */
  backward(send: (edge: GraphNode | Leaf, grad: NDArray) => void): void {
    const { op } = this;
    this.expectSaved();
    const gradOutput = this.grad as NDArray;
    this.grad = null;
    try {
      withFrame(() => {
        const gradients = recorder ? recorder.backward(op, gradOutput) : op.backward(gradOutput);
        this.edges.forEach((edge, i) => {
          const grad = gradients[i];
          if (edge && grad) send(edge, grad);
        });
      });
    } finally {
      gradOutput.block.release();
    }
  }

  /** Replaces `grad` by what the hooks return. */
  runHooks(): void {
    const before = this.grad;
    if (!this.gradientHooks || !before) return;
    const after = withFrame(() => {
      const result = applyHooks(this.gradientHooks as GradientHook[], before);
      result.block.retain();
      return result;
    });
    before.block.release();
    this.grad = after;
  }
}

/** What the hooks make of a gradient. */
export function applyHooks(hooks: readonly GradientHook[], grad: NDArray): NDArray {
  let result = grad;
  for (const hook of [...hooks]) result = hook.onArray(result);
  return result;
}

/** Records the op in the graph if a gradient may flow through it. Inputs marked in `op.needs` are tensors. */
export function recordOp(op: Op, inputs: readonly (Differentiable | number | null)[]): GraphNode | null {
  if (!op.needsAny) return null;
  const edges = inputs.map((input, i): Edge => {
    if (!op.needs[i]) return null;
    const tensor = input as Differentiable;
    return tensor.handle.node ?? tensor;
  });
  return new GraphNode(op, edges);
}
