import { accumulate, reachable, runBackward } from "../autograd/backward_pass.ts";
import { enableGrad } from "../autograd/grad_mode.ts";
import { type GradientHook, GraphNode, type Leaf } from "../autograd/graph.ts";
import type { NDArray } from "../ops/core/array.ts";
import { addInto } from "../ops/elementwise/accumulate.ts";
import { withFrame } from "../runtime/frame.ts";
import { wrap } from "../tensor/apply.ts";
import type { Hook } from "../tensor/hooks.ts";
import { adopt, inMode, openScope, Scope } from "../tensor/lifetime/scope.ts";
import { scope } from "../tensor/lifetime/scoped.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { SavedTensors, type TensorGradients } from "./rule.ts";
import { ruleOf } from "./rules.ts";

type Place = GraphNode | Leaf;

/** Where a tensor's gradient arrives in a backward pass. */
export function placeOf(tensor: Tensor): Place {
  return tensor.handle.node ?? tensor;
}

/** The places on the way from the outputs to `wanted`; all places if nothing in particular is wanted. */
class Route {
  readonly nodes: GraphNode[];
  readonly #onTheWay: Set<Place> | null;

  constructor(outputs: readonly Tensor[], wanted: Iterable<Place> | null) {
    this.nodes = reachable(outputs.map(placeOf));
    this.#onTheWay = wanted && new Set(wanted);
    const passes = this.#onTheWay;
    // inputs before their users
    if (passes) for (const node of [...this.nodes].reverse()) if (this.#leadsOn(node)) passes.add(node);
  }

  /** Whether gradients are needed here. */
  has(place: Place | null): boolean {
    return place !== null && (this.#onTheWay?.has(place) ?? true);
  }

  /** Whether the inputs of this node need gradients. */
  #leadsOn(node: GraphNode): boolean {
    return node.edges.some((edge) => this.has(edge));
  }

  /** The inputs of a node whose gradients are needed. */
  needs(node: GraphNode): boolean[] {
    return node.edges.map((edge) => this.has(edge));
  }

  /** Runs `body` while the op of each node computes only the gradients on the way. */
  narrow<T>(body: () => T): T {
    const before = this.nodes.map(({ op }) => op.needs);
    for (const node of this.nodes) node.op.needs = this.needs(node);
    try {
      return body();
    } finally {
      this.nodes.forEach(({ op }, i) => {
        op.needs = before[i];
      });
    }
  }
}

/** The gradients of `inputs` as plain values, without a graph; null for an input that got none. */
export function gradientValues(
  outputs: readonly Tensor[],
  gradients: readonly Tensor[],
  inputs: readonly Tensor[],
  retainGraph: boolean,
): (Tensor | null)[] {
  const found = new Map<Place, NDArray | null>(inputs.map((input) => [placeOf(input), null]));
  const route = new Route(outputs, found.keys());
  const collect = (place: Place, grad: NDArray) => {
    const sum = withFrame(() => retained(found.get(place) ? addInto(found.get(place) as NDArray, grad) : grad));
    found.get(place)?.block.release();
    found.set(place, sum);
  };
  const send = (place: Place, grad: NDArray) => {
    if (place instanceof GraphNode) {
      if (route.has(place)) accumulate(place, grad);
    } else if (found.has(place)) collect(place, grad);
  };
  // the gradient of a wanted node is complete when its hooks run
  const collectors = [...found.keys()].flatMap((place) => {
    if (!(place instanceof GraphNode)) return [];
    const hook: GradientHook = {
      onArray(grad) {
        collect(place, grad);
        return grad;
      },
    };
    const before = place.gradientHooks;
    place.gradientHooks = [...(before ?? []), hook];
    return [() => void (place.gradientHooks = before)];
  });
  try {
    const roots = outputs.map((output, i) => ({ edge: placeOf(output), gradient: gradients[i].array }));
    route.narrow(() => runBackward(roots, retainGraph, send));
    for (const [place, grad] of found) {
      if (place instanceof GraphNode || !grad || !place.gradientHooks) continue;
      found.set(place, retained(place.gradientHooks.reduce((value, hook) => hook.onArray(value), grad)));
      grad.block.release();
    }
    return inputs.map((input) => {
      const grad = found.get(placeOf(input));
      return grad ? wrap(grad.withShape(input.shape)) : null;
    });
  } finally {
    for (const restore of collectors) restore();
    for (const grad of found.values()) grad?.block.release();
  }
}

function retained(array: NDArray): NDArray {
  array.block.retain();
  return array;
}

/** Runs an op's backward in functions of tensors. */
function differentiate(node: GraphNode, gradient: Tensor, needs: readonly boolean[]): TensorGradients {
  node.expectSaved();
  const gradientsOf: SavedTensors["gradientsOf"] = (y, dy, inputs) => gradientGraph([y], [dy], inputs, true);
  return ruleOf(node.op)(node.op, gradient, new SavedTensors(node, needs, gradientsOf));
}

/**
 * The gradients of `inputs` as tensors with a graph, which can be differentiated again. If `inputs` is null,
 * the gradients of all leaves are added to their `grad`.
 */
export function gradientGraph(
  outputs: readonly Tensor[],
  gradients: readonly Tensor[],
  inputs: readonly Tensor[] | null,
  retainGraph: boolean,
): (Tensor | null)[] {
  const route = new Route(outputs, inputs?.map(placeOf) ?? null);
  const outer = openScope();
  const runHooks = (hooks: readonly GradientHook[] | null, grad: Tensor): Tensor => {
    if (!hooks || hooks.length === 0) return grad;
    adopt(grad, Scope.adopting(outer)); // the hook may keep it
    return inMode(true, outer, () => hooks.reduce((value, hook) => (hook as Hook).onTensor(value), grad));
  };
  return scope(() =>
    enableGrad(() => {
      const found = new Map<Place, Tensor>();
      const send = (place: Place | null, grad: Tensor | null) => {
        if (!place || !grad || !route.has(place)) return;
        const sum = found.get(place);
        found.set(place, sum ? sum.add(grad) : grad);
      };
      outputs.forEach((output, i) => {
        send(placeOf(output), gradients[i]);
      });
      for (const node of route.nodes) {
        const grad = found.get(node);
        if (!grad) continue;
        const complete = runHooks(node.gradientHooks, grad);
        found.set(node, complete);
        const needs = route.needs(node);
        if (!needs.includes(true)) continue;
        const results = differentiate(node, complete, needs);
        node.edges.forEach((edge, i) => {
          send(edge, results[i]);
        });
        if (!retainGraph) node.releaseSaved();
      }
      for (const [place, grad] of found) {
        if (place instanceof GraphNode) continue;
        const complete = runHooks(place.gradientHooks, grad);
        found.set(place, complete);
        if (!inputs) addToLeaf(place as Tensor, complete, gradients);
      }
      return inputs?.map((input) => found.get(placeOf(input)) ?? null) ?? [];
    }),
  );
}

/** Adds a gradient with a graph to a leaf's. A tensor of the user's is not taken over. */
function addToLeaf(leaf: Tensor, grad: Tensor, given: readonly Tensor[]): void {
  if (leaf.released) return;
  const own = given.includes(grad) ? grad.clone() : grad;
  leaf.grad = leaf.grad ? leaf.grad.add(own) : own;
}

/** `output.backward(gradient, { createGraph: true })` */
export function backwardWithGraph(output: Tensor, gradient: Tensor, retainGraph: boolean): void {
  gradientGraph([output], [gradient], null, retainGraph);
}
