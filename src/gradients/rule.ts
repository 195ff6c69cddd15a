import type { GraphNode } from "../autograd/graph.ts";
import type { NDArray } from "../ops/core/array.ts";
import { LinearMap } from "../ops/core/linear_map.ts";
import type { Op } from "../ops/core/op.ts";
import { apply, wrap } from "../tensor/apply.ts";
import { Tensor } from "../tensor/tensor.ts";

/** A gradient for each input of an op, in order; null where none is needed. */
export type TensorGradients = (Tensor | null)[];

/**
 * The gradient of an op, written in functions of tensors: it can be differentiated like any other
 * computation. `dy` is the gradient of the op's result.
 */
// biome-ignore lint/suspicious/noExplicitAny: each rule takes its own class of ops
export type GradientRule<T extends Op = any> = (op: T, dy: Tensor, node: SavedTensors) => TensorGradients;

// biome-ignore lint/suspicious/noExplicitAny: constructors of all kinds
type OpClass = abstract new (...args: any[]) => Op;

const bound = /* @__PURE__ */ new Map<unknown, GradientRule>();

/**
 * Binds a rule to a class of ops and returns the class. What applies such an op imports the class from here,
 * not from src/ops: then a bundler leaves out the rules of ops that a program does not use.
 */
export function withRule<Class extends OpClass>(op: Class, rule: GradientRule): Class {
  bound.set(op, rule);
  return op;
}

/** The rule that `withRule` bound to a class. */
export function boundRule(op: unknown): GradientRule | undefined {
  return bound.get(op);
}

/** A class of ops with its rule. */
export type RuleEntry = readonly [op: OpClass, rule: GradientRule];

/**
 * The arrays that an op saved, as tensors with their places in the graph. Gradients that flow to such a
 * tensor flow on to what the op was applied to.
 */
export class SavedTensors {
  readonly #node: GraphNode;
  /** The inputs whose gradients are needed. */
  readonly needs: readonly boolean[];
  readonly arrays: readonly (NDArray | null)[];
  /** The gradients of `inputs`, given that of `y`, which was computed from them by functions of tensors. */
  readonly gradientsOf: (y: Tensor, dy: Tensor, inputs: readonly Tensor[]) => TensorGradients;

  constructor(node: GraphNode, needs: readonly boolean[], gradientsOf: SavedTensors["gradientsOf"]) {
    this.#node = node;
    this.needs = needs;
    this.gradientsOf = gradientsOf;
    this.arrays = node.op.saved;
  }

  /** Input i of the op. `array`, by default saved array i, has its values and shape. */
  input(i: number, array = this.arrays[i]): Tensor {
    const edge = this.#node.edges[i];
    if (edge instanceof Tensor && !edge.released) return edge;
    return wrap(array as NDArray, edge && !(edge instanceof Tensor) ? (edge as GraphNode) : null);
  }

  /** The op's result, which is saved array i. */
  output(i: number): Tensor {
    return wrap(this.arrays[i] as NDArray, this.#node);
  }

  /** Saved array i as a tensor that needs no gradient. */
  constant(i: number): Tensor {
    return wrap(this.arrays[i] as NDArray);
  }

  /** Computes the gradients that are needed. */
  each(...gradients: (() => Tensor)[]): TensorGradients {
    return gradients.map((gradient, i) => (this.needs[i] ? gradient() : null));
  }
}

/** `map`, a linear function, of a tensor; `transpose` is its gradient. See `LinearMap`. */
export function linear(
  op: Op,
  x: Tensor,
  map: (x: NDArray) => NDArray,
  transpose: (x: NDArray) => NDArray,
  constants: readonly (NDArray | null)[] = [],
): Tensor {
  return apply(new LinearMap(op.name, map, transpose, constants), x);
}

/** The op's gradient of input i as a function of `dy`, with the arrays that the op saved. */
export function pullback(op: Op, i: number, saved: readonly (NDArray | null)[]): (dy: NDArray) => NDArray {
  const needs = op.needs.map((_, input) => input === i);
  return (dy) => {
    const before = { saved: op.saved, needs: op.needs };
    op.saved = saved;
    op.needs = needs;
    try {
      return op.backward(dy)[i] as NDArray;
    } finally {
      Object.assign(op, before);
    }
  };
}

/**
 * The rule of ops that are linear in their only input and save nothing: the op is its own transpose's
 * transpose.
 */
export const linearOp: GradientRule = (op: Op, dy) => [
  linear(op, dy, pullback(op, 0, []), (g) => op.forward(g) as NDArray),
];

/**
 * Multiplies `dy` by a factor for each element that does not depend on `dy`; `dx` is the same function of
 * `dy`.
 */
export function selfAdjoint(op: Op, dy: Tensor, map: (dy: NDArray) => NDArray, constants: (NDArray | null)[]): Tensor {
  return linear(op, dy, map, map, constants);
}

/** The rule of ops whose slope is constant around each element: relu, abs, clamp. */
export const piecewiseLinear: GradientRule = (op: Op, dy, { arrays }) => [
  selfAdjoint(op, dy, pullback(op, 0, arrays), [...arrays]),
];

/** Sums a gradient over the dimensions along which an operand of shape `shape` was broadcast. */
export function sumTo(grad: Tensor, shape: readonly number[]): Tensor {
  const added = grad.shape.length - shape.length;
  const reduced = grad.shape.flatMap((length, d) => (d < added || (shape[d - added] === 1 && length !== 1) ? [d] : []));
  return reduced.length === 0 ? grad : grad.sum(reduced).reshape(shape);
}
