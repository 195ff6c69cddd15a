import type { ModuleStep } from "../../nn/internal/steps.ts";
import { Parameter } from "../../nn/parameter.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { sizeOf, type Value } from "../host_value.ts";
import { type Step, When } from "./plan.ts";

type Values = readonly (Value | undefined)[];

/** What a summary says of a step, or null for steps that do not depend on the inputs' elements. */
export function moduleStep(step: Step, inputs: Values, outputs: Values): ModuleStep | null {
  const output = outputs.find((value) => value instanceof Tensor);
  if (step.when !== When.Data || output === undefined) return null;
  const { name, opType } = step.node;
  const parameters = inputs.filter((value) => value instanceof Parameter);
  return { name, kind: opType, output, parameters, flops: flopsOf(opType, inputs, output) };
}

/** A multiplication with an addition counts as two operations; any other operation is one per element. */
function flopsOf(opType: string, inputs: Values, output: Tensor): number {
  const shapes = inputs.map((value) => (value instanceof Tensor ? value.shape : (value?.dims ?? [])));
  const [x = [], weight = []] = shapes;
  const bias = inputs[2] === undefined ? 0 : output.numel();
  switch (opType) {
    case "Conv":
      return 2 * output.numel() * sizeOf(weight.slice(1)) + bias;
    case "ConvTranspose":
      return 2 * sizeOf(x) * sizeOf(weight.slice(1)) + bias;
    case "Gemm":
      return (2 * output.numel() * sizeOf(weight)) / (output.shape[1] ?? 1) + bias;
    case "MatMul":
      return 2 * output.numel() * (x.at(-1) ?? 1);
    case "LSTM":
    case "GRU":
    case "RNN":
      // in each step, every weight is multiplied once for each sequence
      return 2 * (x[0] ?? 1) * (x[1] ?? 1) * (sizeOf(weight) + sizeOf(shapes[2] ?? [0]));
    default:
      return output.numel();
  }
}
