import { isGradEnabled } from "../autograd/grad_mode.ts";
import { checkInteger, describe, isObject } from "../checks.ts";
import { AutogradError, OptionError } from "../errors.ts";
import { type CustomFunction, customFunction, type FunctionContext } from "../gradients/custom_function.ts";
import { checkShape, type DType, empty } from "../ops/core/array.ts";
import { expectTensor } from "../tensor/apply.ts";
import { checkDType } from "../tensor/creation.ts";
import { leaf } from "../tensor/leaf.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Number of callbacks of operations that are running. */
let running = 0;

function expectRunning(op: string): void {
  if (running > 0) return;
  throw new AutogradError(`${op}: expected a call inside forward or backward of defineOperation, got one outside`);
}

/**
 * A new tensor for a kernel to write: its elements are undefined until then. Only inside `forward` and
 * `backward`.
 * @throws AutogradError outside of them, and in a `backward` with `createGraph`.
 */
export function emptyResult(shape: readonly number[], dtype: DType = "float32"): Tensor {
  expectRunning("emptyResult");
  if (isGradEnabled()) {
    throw new AutogradError(
      "emptyResult: what kernels compute has no gradient: createGraph needs a backward without them",
    );
  }
  checkShape("emptyResult", shape);
  checkDType("emptyResult", dtype);
  return leaf(() => empty([...shape], dtype));
}

/**
 * The address in bytes of element `index` of a tensor in the WebAssembly memory, for kernels that begin in
 * the middle: elements are contiguous in row-major order, 4 bytes each. It is valid until the callback
 * returns. A tensor itself, passed to a kernel, stands for the address of its first element.
 * @throws AutogradError outside of `forward` and `backward`; OptionError for an index outside of the tensor.
 */
export function addressOf(tensor: Tensor, index = 0): number {
  expectRunning("addressOf");
  expectTensor("addressOf", "tensor", tensor);
  checkInteger("addressOf", "index", index, 0, Math.max(tensor.numel() - 1, 0));
  return tensor.array.address + 4 * index;
}

/** The two directions of an operation: those of `customFunction`, with a name. */
export interface OperationDefinition<Inputs extends unknown[]> extends CustomFunction<Inputs> {
  /** The name in messages and traces. */
  name: string;
}

/**
 * Makes an operation of kernels of your own: a function of tensors, with a gradient. `forward` and `backward`
 * make their results with `emptyResult` and compute them with kernels; other operations may be used as well.
 * Gradients of gradients need a `backward` that is written in differentiable operations alone.
 *
 * @param definition `name`, `forward` and `backward`: see `customFunction`
 * @throws OptionError unless it has all three.
 * @example
 * ```ts
 * import { type Tensor, tensor } from "wasmgrad";
 * import { defineOperation } from "wasmgrad/extend";
 * const twice = defineOperation({
 *   name: "twice",
 *   forward: (_, x: Tensor) => x.mul(2), // see loadKernels for one with a kernel
 *   backward: (_, gradOutput) => gradOutput.mul(2),
 * });
 * const x = tensor([1, 2], { requiresGrad: true });
 * twice(x).sum().backward();
 * console.log(x.grad?.toArray()); // [2, 2]
 * ```
 */
export function defineOperation<Inputs extends unknown[]>(
  definition: OperationDefinition<Inputs>,
): (...inputs: Inputs) => Tensor {
  if (!isObject(definition))
    throw new OptionError("defineOperation: expected an object with name, forward and backward");
  const { name, forward, backward } = definition;
  if (typeof name !== "string" || name === "") {
    throw new OptionError(`defineOperation: name expected a text, got ${describe(name)}`);
  }
  const inside = <T>(body: () => T): T => {
    running++;
    try {
      return body();
    } finally {
      running--;
    }
  };
  return customFunction<Inputs>({
    name,
    forward: forward && ((context: FunctionContext, ...inputs: Inputs) => inside(() => forward(context, ...inputs))),
    backward: backward && ((context, gradOutput) => inside(() => backward(context, gradOutput))),
  });
}
