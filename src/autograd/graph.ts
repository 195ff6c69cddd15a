import { AutogradError } from "../errors.ts";
import type { NDArray } from "../ops/core/array.ts";
import type { Op } from "../ops/core/op.ts";
import { recorder } from "../ops/core/recorder.ts";
import { addInto } from "../ops/elementwise/accumulate.ts";
import { withFrame } from "../runtime/frame.ts";

/** A tensor that accumulates its gradient: one that the user created with `requiresGrad`. */
export interface Leaf {
  accumulateGrad(grad: NDArray): void;
}

/** The part of a tensor that the graph uses. */
export interface Differentiable extends Leaf {
  readonly handle: { readonly node: GraphNode | null };
}

/** An input of an op: the node that produced it, a leaf, or null if it needs no gradient. */
export type Edge = GraphNode | Leaf | null;

let nextId = 0;

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
  /** The gradient accumulated so far in a backward pass. */
  grad: NDArray | null = null;

  constructor(op: Op, edges: readonly Edge[]) {
    this.op = op;
    this.edges = edges;
    for (const edge of edges) if (edge instanceof GraphNode) edge.retain();
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

  /** Runs the op's backward and sends the resulting gradients along the edges. */
  backward(): void {
    const { op } = this;
    if (this.#released) {
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
    const gradOutput = this.grad as NDArray;
    this.grad = null;
    try {
      withFrame(() => {
        const gradients = recorder ? recorder.backward(op, gradOutput) : op.backward(gradOutput);
        this.edges.forEach((edge, i) => {
          const grad = gradients[i];
          if (edge && grad) accumulate(edge, grad);
        });
      });
    } finally {
      gradOutput.block.release();
    }
  }
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

function accumulate(edge: GraphNode | Leaf, grad: NDArray): void {
  if (!(edge instanceof GraphNode)) {
    edge.accumulateGrad(grad);
  } else if (edge.grad === null) {
    grad.block.retain();
    edge.grad = grad;
  } else {
    const sum = withFrame(() => {
      const total = addInto(edge.grad as NDArray, grad);
      total.block.retain();
      return total;
    });
    edge.grad.block.release();
    edge.grad = sum;
  }
}

/** Runs the backward pass from `root`, whose gradient is `gradient`. */
export function runBackward(root: GraphNode, gradient: NDArray, retainGraph: boolean): void {
  const nodes = reachable(root);
  gradient.block.retain();
  root.grad = gradient;
  try {
    for (const node of nodes) {
      // a node that received no gradient from any of its users has none to propagate
      if (node.grad) node.backward();
      if (!retainGraph) node.releaseSaved();
    }
  } finally {
    for (const node of nodes) {
      node.grad?.block.release();
      node.grad = null;
    }
  }
}

function reachable(root: GraphNode): GraphNode[] {
  const seen = new Set<GraphNode>([root]);
  const pending = [root];
  for (let node = pending.pop(); node; node = pending.pop()) {
    for (const edge of node.edges) {
      if (edge instanceof GraphNode && !seen.has(edge)) {
        seen.add(edge);
        pending.push(edge);
      }
    }
  }
  return [...seen].sort((a, b) => b.id - a.id);
}
