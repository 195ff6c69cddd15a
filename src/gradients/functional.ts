import { enableGrad } from "../autograd/grad_mode.ts";
import { checkBoolean, checkFunction, readOptions } from "../checks.ts";
import { AutogradError, formatShape, ShapeError } from "../errors.ts";
import { expectSameShape } from "../ops/core/array.ts";
import { expectTensor } from "../tensor/apply.ts";
import { eye, onesLike, zeros, zerosLike } from "../tensor/fill.ts";
import { stack } from "../tensor/functions.ts";
import { scope } from "../tensor/lifetime/scoped.ts";
import { Tensor } from "../tensor/tensor.ts";
import { grad, listOf, type Tensors } from "./grad.ts";

/** A function of tensors with one result, and without side effects. */
export type TensorFunction = (...inputs: Tensor[]) => Tensor;

/** For one input a tensor, for a list of inputs a list. */
type Like<Inputs extends Tensors, One, Many> = Inputs extends Tensor ? One : Many;

export interface FunctionalOptions {
  /**
   * Whether the result has a graph, so that it can be differentiated with respect to the inputs. Default
   * false.
   */
  createGraph?: boolean;
}

function readCreateGraph(op: string, options: FunctionalOptions | undefined): boolean {
  return checkBoolean(op, "createGraph", readOptions(op, options, { createGraph: false }).createGraph);
}

/** The inputs as separate places in a graph: connected to the user's graph, or leaves. */
function separate(inputs: readonly Tensor[], connected: boolean): Tensor[] {
  return inputs.map((input) => {
    if (connected && input.requiresGrad) return input.viewAs(input);
    const own = input.detach();
    own.requiresGrad = true;
    return own;
  });
}

function evaluate(op: string, fn: TensorFunction, inputs: readonly Tensor[]): Tensor {
  checkFunction(op, "fn", fn);
  const output = fn(...inputs);
  expectTensor(op, "the function's result", output);
  return output;
}

/** Vectors of the inputs' shapes; if there are none, 1 for an input of one element. */
function directions(op: string, name: string, tensors: readonly Tensor[], given: Tensors | undefined): Tensor[] {
  if (given === undefined) {
    const large = tensors.find((tensor) => tensor.numel() !== 1);
    if (large) throw new ShapeError(`${op}: ${name} must be given for a tensor of shape ${formatShape(large.shape)}`);
    return tensors.map((tensor) => onesLike(tensor));
  }
  const list = listOf(op, name, given);
  if (list.length !== tensors.length) {
    throw new ShapeError(`${op}: ${name} expected ${tensors.length} tensors, got ${list.length}`);
  }
  tensors.forEach((tensor, i) => {
    expectSameShape(op, `${name} ${i}`, tensor.shape, list[i].shape);
  });
  return list;
}

/** Gradients, with zeros where there is no dependence. */
function gradientsOf(
  output: Tensor,
  inputs: readonly Tensor[],
  options: { gradOutputs?: Tensor; createGraph?: boolean; retainGraph?: boolean },
): Tensor[] {
  if (!output.requiresGrad) return inputs.map((input) => zerosLike(input));
  const found = grad(output, inputs, { ...options, allowUnused: true });
  return found.map((gradient, i) => gradient ?? zerosLike(inputs[i]));
}

const shaped = <T>(inputs: Tensors, results: T[]) => (inputs instanceof Tensor ? results[0] : results);

/**
 * The result of `fn` and the product of a vector with its Jacobian matrix, `vᵀ J`: one backward pass. Matches
 * `torch.autograd.functional.vjp`.
 *
 * @param v of the shape of the result; default 1 for a result of one element
 * @example
 * ```ts
 * import { tensor, vjp } from "wasmgrad";
 * const [y, product] = vjp((x) => x.square(), tensor([1, 2]), tensor([1, 10]));
 * console.log(y.toArray(), product.toArray()); // [1, 4] [2, 40]
 * ```
 */
export function vjp<Inputs extends Tensors>(
  fn: TensorFunction,
  inputs: Inputs,
  v?: Tensor,
  options?: FunctionalOptions,
): [output: Tensor, vjp: Like<Inputs, Tensor, Tensor[]>] {
  const createGraph = readCreateGraph("vjp", options);
  return scope(() =>
    enableGrad(() => {
      const own = separate(listOf("vjp", "inputs", inputs), createGraph);
      const output = evaluate("vjp", fn, own);
      const [gradOutputs] = directions("vjp", "v", [output], v);
      const products = gradientsOf(output, own, { gradOutputs, createGraph });
      return [createGraph ? output : output.detach(), shaped(inputs, products)];
    }),
  ) as [Tensor, Like<Inputs, Tensor, Tensor[]>];
}

/**
 * The result of `fn` and the product of its Jacobian matrix with a vector, `J v`: the derivative along v. It
 * takes two backward passes: `uᵀ J` is linear in u, and its gradient with respect to u, weighted by v, is `J
 * v`. Matches `torch.autograd.functional.jvp`.
 *
 * @param v one tensor for each input, of its shape; default 1 for inputs of one element
 * @example
 * ```ts
 * import { jvp, tensor } from "wasmgrad";
 * const [, slope] = jvp((x) => x.square(), tensor([1, 2]), tensor([1, 10]));
 * console.log(slope.toArray()); // [2, 40]
 * ```
 */
export function jvp(
  fn: TensorFunction,
  inputs: Tensors,
  v?: Tensors,
  options?: FunctionalOptions,
): [output: Tensor, jvp: Tensor] {
  const createGraph = readCreateGraph("jvp", options);
  return scope(() =>
    enableGrad((): [Tensor, Tensor] => {
      const own = separate(listOf("jvp", "inputs", inputs), createGraph);
      const along = directions("jvp", "v", own, v);
      const output = evaluate("jvp", fn, own);
      const u = zeros(output.shape, { requiresGrad: true });
      const products = gradientsOf(output, own, { gradOutputs: u, createGraph: true });
      const total = products.map((product, i) => product.mul(along[i]).sum()).reduce((sum, term) => sum.add(term));
      const [result] = gradientsOf(total, [u], { createGraph });
      return [createGraph ? output : output.detach(), result];
    }),
  );
}

/**
 * The result of `fn`, which has one element, and the product of its Hessian matrix with a vector, `H v`,
 * without computing the matrix. Matches `torch.autograd.functional.hvp`.
 *
 * @param v one tensor for each input, of its shape; default 1 for inputs of one element
 * @example
 * ```ts
 * import { hvp, tensor } from "wasmgrad";
 * const [, product] = hvp((x) => x.pow(3).sum(), tensor([1, 2]), tensor([1, 10]));
 * console.log(product.toArray()); // [6, 120]
 * ```
 */
export function hvp<Inputs extends Tensors>(
  fn: TensorFunction,
  inputs: Inputs,
  v?: Tensors,
  options?: FunctionalOptions,
): [output: Tensor, hvp: Like<Inputs, Tensor, Tensor[]>] {
  const createGraph = readCreateGraph("hvp", options);
  return scope(() =>
    enableGrad(() => {
      const own = separate(listOf("hvp", "inputs", inputs), createGraph);
      const along = directions("hvp", "v", own, v);
      const output = expectScalar("hvp", evaluate("hvp", fn, own));
      const slopes = gradientsOf(output, own, { createGraph: true });
      const total = slopes.map((slope, i) => slope.mul(along[i]).sum()).reduce((sum, term) => sum.add(term));
      const products = gradientsOf(total, own, { createGraph });
      return [createGraph ? output : output.detach(), shaped(inputs, products)];
    }),
  ) as [Tensor, Like<Inputs, Tensor, Tensor[]>];
}

function expectScalar(op: string, output: Tensor): Tensor {
  if (output.numel() === 1) return output.reshape([]);
  throw new AutogradError(`${op}: expected a function whose result has one element, got ${formatShape(output.shape)}`);
}

/** The rows of the Jacobian matrix of `output`: one backward pass for each of its elements. */
function jacobianOf(output: Tensor, inputs: readonly Tensor[], createGraph: boolean): Tensor[] {
  const size = output.numel();
  const units = eye(size);
  const rows = Array.from({ length: size }, (_, i) => {
    const gradOutputs = units.select(0, i).reshape(output.shape);
    return gradientsOf(output, inputs, { gradOutputs, createGraph, retainGraph: true });
  });
  return inputs.map((input, k) => {
    const shape = [...output.shape, ...input.shape];
    return size === 0 ? zeros(shape) : stack(rows.map((row) => row[k])).reshape(shape);
  });
}

/**
 * The Jacobian matrix of `fn`, of shape [...output, ...input] for each input: the derivative of each element
 * of the result, with one backward pass for each. Matches `torch.autograd.functional.jacobian`.
 *
 * @example
 * ```ts
 * import { jacobian, tensor } from "wasmgrad";
 * console.log(jacobian((x) => x.square(), tensor([1, 2])).toArray()); // [[2, 0], [0, 4]]
 * ```
 */
export function jacobian<Inputs extends Tensors>(
  fn: TensorFunction,
  inputs: Inputs,
  options?: FunctionalOptions,
): Like<Inputs, Tensor, Tensor[]> {
  const createGraph = readCreateGraph("jacobian", options);
  return scope(() =>
    enableGrad(() => {
      const own = separate(listOf("jacobian", "inputs", inputs), createGraph);
      return shaped(inputs, jacobianOf(evaluate("jacobian", fn, own), own, createGraph));
    }),
  ) as Like<Inputs, Tensor, Tensor[]>;
}

/**
 * The Hessian matrix of `fn`, whose result has one element: for one input a tensor [...input, ...input], for
 * several a list of lists, of which `[i][j]` is [...input i, ...input j]. Matches
 * `torch.autograd.functional.hessian`.
 *
 * @throws AutogradError if the result of `fn` has several elements.
 * @example
 * ```ts
 * import { hessian, tensor } from "wasmgrad";
 * console.log(hessian((x) => x.pow(3).sum(), tensor([1, 2])).toArray()); // [[6, 0], [0, 12]]
 * ```
 */
export function hessian<Inputs extends Tensors>(
  fn: TensorFunction,
  inputs: Inputs,
  options?: FunctionalOptions,
): Like<Inputs, Tensor, Tensor[][]> {
  const createGraph = readCreateGraph("hessian", options);
  return scope(() =>
    enableGrad(() => {
      const own = separate(listOf("hessian", "inputs", inputs), createGraph);
      const output = expectScalar("hessian", evaluate("hessian", fn, own));
      const slopes = gradientsOf(output, own, { createGraph: true });
      const blocks = slopes.map((slope) => jacobianOf(slope, own, createGraph));
      return inputs instanceof Tensor ? blocks[0][0] : blocks;
    }),
  ) as Like<Inputs, Tensor, Tensor[][]>;
}
