import { noGrad } from "../autograd/grad_mode.ts";
import { checkBoolean, checkNumber, describe, readOptions } from "../checks.ts";
import { formatShape, OptionError, ShapeError } from "../errors.ts";
import { expectTensor } from "../tensor/apply.ts";
import { cat, stack } from "../tensor/functions.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { pad } from "./functional/pad.ts";

function listOf(op: string, name: string, values: Iterable<Tensor>): Tensor[] {
  if (typeof values?.[Symbol.iterator] !== "function" || typeof values === "string") {
    throw new OptionError(`${op}: ${name} expected an array of tensors, got ${describe(values)}`);
  }
  const list = [...values];
  list.forEach((value, i) => {
    expectTensor(op, `${name}[${i}]`, value);
  });
  if (list.length === 0) throw new OptionError(`${op}: ${name} expected at least one tensor, got none`);
  return list;
}

/**
 * All parameters as one vector. Matches `torch.nn.utils.parameters_to_vector`.
 * @example
 * ```ts
 * import { nn } from "wasmgrad";
 * console.log(nn.utils.parametersToVector(new nn.Linear(2, 3).parameters()).shape); // [9]
 * ```
 */
export function parametersToVector(parameters: Iterable<Tensor>): Tensor {
  return cat(listOf("parametersToVector", "parameters", parameters).map((parameter) => parameter.reshape([-1])));
}

/**
 * Writes the parts of a vector into the parameters. Matches `torch.nn.utils.vector_to_parameters`, but
 * copies.
 *
 * @throws ShapeError when the vector does not have as many elements as the parameters.
 * @example
 * ```ts
 * import { nn, ones } from "wasmgrad";
 * const layer = new nn.Linear(2, 3);
 * nn.utils.vectorToParameters(ones([9]), layer.parameters());
 * console.log(layer.bias?.toArray()); // [1, 1, 1]
 * ```
 */
export function vectorToParameters(vector: Tensor, parameters: Iterable<Tensor>): void {
  const op = "vectorToParameters";
  expectTensor(op, "vector", vector);
  const list = listOf(op, "parameters", parameters);
  const size = list.reduce((sum, parameter) => sum + parameter.numel(), 0);
  if (vector.dim() !== 1 || vector.numel() !== size) {
    throw new ShapeError(`${op}: vector expected shape [${size}], got ${formatShape(vector.shape)}`);
  }
  noGrad(() => {
    let offset = 0;
    for (const parameter of list) {
      parameter.copy_(vector.narrow(0, offset, parameter.numel()).reshape(parameter.shape));
      offset += parameter.numel();
    }
  });
}

/**
 * Sequences [Lᵢ, ...] of different lengths as one tensor [L, N, ...] ([N, L, ...] with `batchFirst`). Matches
 * `torch.nn.utils.rnn.pad_sequence`.
 *
 * @param options `batchFirst` false, `paddingValue` 0, `paddingSide` "right"
 * @throws ShapeError when the dimensions after the first differ.
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * console.log(nn.utils.padSequence([tensor([1, 2, 3]), tensor([4])], { batchFirst: true }).toArray()); // [[1, 2, 3], [4, 0, 0]]
 * ```
 */
export function padSequence(
  sequences: Iterable<Tensor>,
  options?: { batchFirst?: boolean; paddingValue?: number; paddingSide?: "left" | "right" },
): Tensor {
  const op = "padSequence";
  const defaults = { batchFirst: false, paddingValue: 0, paddingSide: "right" as "left" | "right" };
  const { batchFirst, paddingValue, paddingSide } = readOptions(op, options, defaults);
  checkBoolean(op, "batchFirst", batchFirst);
  checkNumber(op, "paddingValue", paddingValue);
  if (paddingSide !== "left" && paddingSide !== "right") {
    throw new OptionError(`${op}: paddingSide expected left or right, got ${describe(paddingSide)}`);
  }
  const list = listOf(op, "sequences", sequences);
  const rest = formatShape(list[0].shape.slice(1));
  const most = Math.max(...list.map(({ shape }) => shape[0] ?? 0));
  const padded = list.map((sequence, i) => {
    if (sequence.dim() === 0 || formatShape(sequence.shape.slice(1)) !== rest) {
      throw new ShapeError(`${op}: sequences[${i}] expected [L,...${rest}], got ${formatShape(sequence.shape)}`);
    }
    const missing = most - sequence.shape[0];
    const zeros = sequence.shape.slice(1).flatMap(() => [0, 0]);
    return pad(sequence, [...zeros, ...(paddingSide === "left" ? [missing, 0] : [0, missing])], {
      value: paddingValue,
    });
  });
  return stack(padded, batchFirst ? 0 : 1);
}
