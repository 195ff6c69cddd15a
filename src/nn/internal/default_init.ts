import { empty } from "../../ops/core/array.ts";
import { leaf } from "../../tensor/leaf.ts";
import { calculateFans, kaimingUniform, uniform } from "../init.ts";
import { Parameter } from "../parameter.ts";

/** A parameter whose values are yet to be written. */
export function emptyParameter(shape: readonly number[]): Parameter {
  const data = leaf(() => empty(shape));
  const parameter = new Parameter(data); // shares the memory
  data.release();
  return parameter;
}

/** PyTorch's initialisation of linear and convolution layers: both uniform in ±1/√fanIn. */
export function initWeightAndBias(weight: Parameter, bias: Parameter | null): void {
  kaimingUniform(weight, { a: Math.sqrt(5) });
  const { fanIn } = calculateFans(weight);
  const bound = fanIn > 0 ? 1 / Math.sqrt(fanIn) : 0;
  if (bias) uniform(bias, -bound, bound);
}
