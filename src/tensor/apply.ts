import { gradEnabled } from "../autograd/grad_mode.ts";
import { type GraphNode, recordOp } from "../autograd/graph.ts";
import { describe } from "../checks.ts";
import { DTypeError } from "../errors.ts";
import type { NDArray } from "../ops/core/array.ts";
import type { Op } from "../ops/core/op.ts";
import { recorder } from "../ops/core/recorder.ts";
import { withFrame } from "../runtime/frame.ts";
import { kindOfTypedArray, nameKind } from "../typed_arrays.ts";
import { describeTensor, type TensorBase } from "./methods/base.ts";
import { Tensor } from "./tensor.ts";

type Input = TensorBase | number | null;

/** Checks an op's inputs, determines which of them need a gradient, and runs its `forward`. */
function runForward(op: Op, inputs: readonly Input[]): NDArray | NDArray[] {
  // plain loops: for small tensors this function is most of an op's cost
  const needs = new Array<boolean>(inputs.length);
  const arrays = new Array<NDArray | number | null>(inputs.length);
  for (let i = 0; i < inputs.length; i++) {
    const x = inputs[i];
    if (x instanceof Tensor) {
      needs[i] = gradEnabled && x.requiresGrad && op.differentiable;
      arrays[i] = x.array;
    } else {
      if (op.takesNumbers ? typeof x !== "number" : x !== null || i < op.required) refuseInput(op, inputs, i);
      needs[i] = false;
      arrays[i] = x as number | null;
    }
  }
  op.needs = needs;
  return recorder ? recorder.forward(op, arrays) : op.forward(...arrays);
}

/** Throws the error for an input that is not a tensor. The error describes all inputs. */
function refuseInput(op: Op, inputs: readonly unknown[], i: number): never {
  const expected = op.takesNumbers ? "a tensor or a number" : "a tensor";
  const all = inputs.length > 1 ? ` (input ${i} of ${inputs.map(describeInput).join(", ")})` : "";
  throw new DTypeError(`${op.name}: expected ${expected}, got ${describeOther(inputs[i])}${all}`);
}

function describeInput(value: unknown): string {
  return value instanceof Tensor ? describeTensor(value) : nameKind(value);
}

/** Describes a value that is not a tensor, with a hint if the fix is obvious. */
function describeOther(value: unknown): string {
  const data = Array.isArray(value) ? "an array" : kindOfTypedArray(value);
  return data ? `${data}; write tensor(...) around it` : describe(value);
}

/** A tensor of the array that `build` returns, which runs inside a frame. */
export function constant(build: () => NDArray): Tensor {
  return withFrame(() => new Tensor(build()));
}

/** Whether a value is a tensor. */
export function isTensor(value: unknown): value is Tensor {
  return value instanceof Tensor;
}

/** Checks that a user's value is a tensor. Used for values that no op checks. */
export function expectTensor(op: string, name: string, value: unknown): void {
  if (!(value instanceof Tensor)) {
    throw new DTypeError(`${op}: ${name} expected a tensor, got ${describeOther(value)}`);
  }
}

/**
 * Applies an op to tensors and records it if a gradient is needed. Returns all results; only the first one
 * carries a gradient.
 */
export function applyMany(op: Op, ...inputs: Input[]): Tensor[] {
  return withFrame(() => {
    const result = runForward(op, inputs);
    const node = recordOp(op, inputs);
    return (Array.isArray(result) ? result : [result]).map(
      (array, i) => new Tensor(array, { node: i === 0 ? node : null }),
    );
  });
}

/** A tensor of an array, without a graph or with the node that made it. */
export function wrap(array: NDArray, node: GraphNode | null = null): Tensor {
  return new Tensor(array, { node });
}

/** Applies an op with one result. */
export function apply(op: Op, ...inputs: Input[]): Tensor {
  return withFrame(() => {
    const array = runForward(op, inputs) as NDArray;
    return new Tensor(array, { node: recordOp(op, inputs) });
  });
}
