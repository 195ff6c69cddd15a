import { checkBoolean, readOptions } from "../checks.ts";
import { AutogradError, formatShape, OptionError, ShapeError } from "../errors.ts";
import { expectFloat, expectSameShape } from "../ops/core/array.ts";
import { section } from "../ops/core/recorder.ts";
import { expectTensor } from "../tensor/apply.ts";
import { onesLike } from "../tensor/fill.ts";
import { Tensor } from "../tensor/tensor.ts";
import { gradientGraph, gradientValues } from "./pass.ts";

/** One tensor or several. */
export type Tensors = Tensor | readonly Tensor[];

export interface GradOptions {
  /** Whether the gradients have a graph, so that they can be differentiated again. Default false. */
  createGraph?: boolean;
  /** Whether the arrays saved in the graph are kept for another pass. Default: `createGraph`. */
  retainGraph?: boolean;
  /**
   * dL/d(output) for each output, of the same shape. Null for an output with one element means 1. Default:
   * null for each.
   */
  gradOutputs?: Tensor | null | readonly (Tensor | null)[];
  /** Whether inputs that the outputs do not depend on are accepted. Their gradient is null. Default false. */
  allowUnused?: boolean;
}

/** The tensors as a list. */
export function listOf(op: string, name: string, tensors: unknown): Tensor[] {
  const list = Array.isArray(tensors) ? [...tensors] : [tensors];
  if (list.length === 0) throw new OptionError(`${op}: ${name} expected one tensor or more, got none`);
  for (const tensor of list) expectTensor(op, name, tensor);
  return list as Tensor[];
}

/** The gradients of the outputs, checked; 1 for an output of one element. */
export function startingGradients(op: string, outputs: readonly Tensor[], given: GradOptions["gradOutputs"]): Tensor[] {
  const list = given === undefined || given === null ? outputs.map(() => null) : Array.isArray(given) ? given : [given];
  if (list.length !== outputs.length) {
    throw new OptionError(
      `${op}: gradOutputs expected ${outputs.length} tensors, one for each output, got ${list.length}`,
    );
  }
  return outputs.map((output, i) => {
    const gradient = list[i];
    if (gradient === null) {
      if (output.numel() === 1) return onesLike(output);
      throw new ShapeError(`${op}: gradOutputs must be given for an output of shape ${formatShape(output.shape)}`);
    }
    expectTensor(op, "gradOutputs", gradient);
    expectSameShape(op, `the gradient of output ${i}`, output.shape, gradient.shape);
    expectFloat(op, gradient.array);
    return gradient;
  });
}

/**
 * The gradients of `outputs` (their sum, weighted by `gradOutputs`) with respect to `inputs`, which may be
 * leaves or results of operations. Returns them instead of adding them to `grad`, and computes nothing else.
 * Matches `torch.autograd.grad`.
 *
 * @param outputs one tensor or several
 * @param inputs one tensor, which gives one gradient, or a list, which gives a list
 * @param options see `GradOptions`
 * @throws AutogradError if an input needs no gradient or was not used, or a graph was released; ShapeError
 *   for gradients of other shapes than the outputs.
 * @example
 * ```ts
 * import { grad, tensor } from "wasmgrad";
 * const x = tensor(2, { requiresGrad: true });
 * const slope = grad(x.pow(3), x, { createGraph: true });
 * console.log(slope.item(), grad(slope, x).item()); // 3 x² = 12, 6 x = 12
 * ```
 */
export function grad(outputs: Tensors, inputs: Tensor, options?: GradOptions & { allowUnused?: false }): Tensor;
export function grad(
  outputs: Tensors,
  inputs: readonly Tensor[],
  options?: GradOptions & { allowUnused?: false },
): Tensor[];
export function grad(outputs: Tensors, inputs: Tensor, options?: GradOptions): Tensor | null;
export function grad(outputs: Tensors, inputs: readonly Tensor[], options?: GradOptions): (Tensor | null)[];
export function grad(outputs: Tensors, inputs: Tensors, options?: GradOptions): Tensor | null | (Tensor | null)[] {
  const o = readOptions("grad", options, {
    createGraph: false,
    retainGraph: undefined as boolean | undefined,
    gradOutputs: null as GradOptions["gradOutputs"],
    allowUnused: false,
  });
  checkBoolean("grad", "createGraph", o.createGraph);
  checkBoolean("grad", "allowUnused", o.allowUnused);
  const retainGraph = checkBoolean("grad", "retainGraph", o.retainGraph ?? o.createGraph);
  const [from, to] = [listOf("grad", "outputs", outputs), listOf("grad", "inputs", inputs)];
  from.forEach((output, i) => {
    if (!output.requiresGrad)
      throw new AutogradError(`grad: output ${i} has no graph: nothing it was made from has requiresGrad`);
  });
  to.forEach((input, i) => {
    if (!input.requiresGrad)
      throw new AutogradError(`grad: input ${i} needs no gradient: set its requiresGrad before it is used`);
  });
  const gradients = startingGradients("grad", from, o.gradOutputs);
  const found = section("grad", () =>
    o.createGraph ? gradientGraph(from, gradients, to, retainGraph) : gradientValues(from, gradients, to, retainGraph),
  );
  if (!o.allowUnused) {
    const unused = found.indexOf(null);
    if (unused >= 0)
      throw new AutogradError(
        `grad: input ${unused} was not used to compute the outputs; pass { allowUnused: true } if that is meant`,
      );
  }
  return inputs instanceof Tensor ? found[0] : found;
}
