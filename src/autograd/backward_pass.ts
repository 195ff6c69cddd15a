import type { NDArray } from "../ops/core/array.ts";
import { addInto } from "../ops/elementwise/accumulate.ts";
import { withFrame } from "../runtime/frame.ts";
import { applyHooks, GraphNode, type Leaf } from "./graph.ts";

/** Receives a gradient that a pass computed. */
type Send = (edge: GraphNode | Leaf, grad: NDArray) => void;

/** A tensor's place in the graph, and the gradient that a pass starts with there. */
export interface Root {
  edge: GraphNode | Leaf;
  gradient: NDArray;
}

/** Gradients of leaves that wait for the end of a pass. */
class WaitingGradients {
  /** Whether all leaves wait, or only leaves with hooks, which run when the gradient is complete. */
  readonly #all: boolean;
  readonly #sums = new Map<Leaf, NDArray>();

  constructor(all: boolean) {
    this.#all = all;
  }

  takes(leaf: Leaf): boolean {
    return this.#all || leaf.gradientHooks !== null;
  }

  add(leaf: Leaf, grad: NDArray): void {
    this.#sums.set(leaf, sumOf(this.#sums.get(leaf), grad));
  }

  /** Gives the leaves their gradients. */
  send(): void {
    for (const [leaf, grad] of this.#sums) {
      withFrame(() => leaf.accumulateGrad(applyHooks(leaf.gradientHooks ?? [], grad)));
    }
  }

  release(): void {
    for (const grad of this.#sums.values()) grad.block.release();
    this.#sums.clear();
  }
}

/** The waiting gradients of the pass that runs now. */
let waiting: WaitingGradients | null = null;

function withWaiting<T>(own: WaitingGradients, body: () => T): T {
  const outer = waiting;
  waiting = own;
  try {
    return body();
  } finally {
    waiting = outer;
  }
}

function sumOf(a: NDArray | null | undefined, b: NDArray): NDArray {
  if (!a) {
    b.block.retain();
    return b;
  }
  const sum = withFrame(() => {
    const total = addInto(a, b);
    total.block.retain();
    return total;
  });
  a.block.release();
  return sum;
}

/** Adds a gradient to those that a node or a leaf has received. */
export function accumulate(edge: GraphNode | Leaf, grad: NDArray): void {
  if (edge instanceof GraphNode) edge.grad = sumOf(edge.grad, grad);
  else if (waiting?.takes(edge)) waiting.add(edge, grad);
  else edge.accumulateGrad(grad);
}

function runNode(node: GraphNode, retainGraph: boolean, send: Send): void {
  if (node.gradientHooks) node.runHooks();
  // a node that received no gradient from any of its users has none to propagate
  const runs = node.grad !== null && (send === accumulate || node.op.needsAny);
  if (runs) node.backward(send);
  if (!retainGraph && (runs || send === accumulate)) node.releaseSaved();
}

function dropGradients(nodes: readonly GraphNode[]): void {
  for (const node of nodes) {
    node.grad?.block.release();
    node.grad = null;
  }
}

/**
 * Runs the backward pass from `roots`. Gradients go to `send`: by default they accumulate in the graph's
 * leaves. Another `send` may drop gradients; nodes that get none do not run and keep what they saved.
 */
export function runBackward(roots: readonly Root[], retainGraph: boolean, send: Send = accumulate): void {
  const nodes = reachable(roots.map(({ edge }) => edge));
  const own = new WaitingGradients(false);
  try {
    withWaiting(own, () => {
      for (const { edge, gradient } of roots) send(edge, gradient);
      for (const node of nodes) runNode(node, retainGraph, send);
      own.send();
    });
  } finally {
    dropGradients(nodes);
    own.release();
  }
}

/**
 * A backward pass that runs node by node. It computes the same bits as `runBackward`. If other code may
 * interrupt it between two nodes, the leaves get their gradients together, by `finish`: what other code does
 * with the leaves' gradients until then does not mix with this pass.
 */
export class BackwardPass {
  readonly #nodes: readonly GraphNode[];
  readonly #waiting: WaitingGradients;
  #next = 0;

  constructor(root: Root, mayBeInterrupted: boolean) {
    this.#nodes = reachable([root.edge]);
    this.#waiting = new WaitingGradients(mayBeInterrupted);
    withWaiting(this.#waiting, () => accumulate(root.edge, root.gradient));
  }

  /** Runs the next node. Returns false if there is none. */
  runNext(): boolean {
    if (this.#next === this.#nodes.length) return false;
    const node = this.#nodes[this.#next++];
    withWaiting(this.#waiting, () => runNode(node, false, accumulate));
    return true;
  }

  /** Gives the leaves their gradients, after all nodes have run. */
  finish(): void {
    this.#waiting.send();
    this.#waiting.release();
  }

  /** Releases the gradients of a pass that was not finished. */
  end(): void {
    dropGradients(this.#nodes);
    this.#waiting.release();
  }
}

/** The nodes that lead to `edges`, these included: users before the nodes that made their inputs. */
export function reachable(edges: readonly (GraphNode | Leaf)[]): GraphNode[] {
  const pending = edges.filter((edge) => edge instanceof GraphNode);
  const seen = new Set<GraphNode>(pending);
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
