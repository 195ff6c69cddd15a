import { empty } from "../../ops/core/array.ts";
import { leaf } from "../../tensor/leaf.ts";
import { calculateFans, kaimingUniform_, uniform_ } from "../init.ts";
import { Parameter } from "../parameter.ts";

/** A parameter with undefined values, to be initialised. */
export function emptyParameter(shape: readonly number[]): Parameter {
  const data = leaf(() => empty(shape));
  const parameter = new Parameter(data); // shares the memory
  data.release();
  return parameter;
}

/** PyTorch's initialisation of linear and convolution layers: weight and bias uniform in ±1/√fanIn. */
export function initWeightAndBias(weight: Parameter, bias: Parameter | null): void {
  kaimingUniform_(weight, { a: Math.sqrt(5) });
  const { fanIn } = calculateFans(weight);
  const bound = fanIn > 0 ? 1 / Math.sqrt(fanIn) : 0;
  if (bias) uniform_(bias, -bound, bound);
}
