import type { DType } from "../../ops/core/array.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { Module } from "../module.ts";
import type { Parameter } from "../parameter.ts";

/** One operation of a module whose operations are no modules. */
export interface ModuleStep {
  name: string;
  /** The operation: "Conv". */
  kind: string;
  output: Tensor;
  /** The parameters that it reads. */
  parameters: readonly Parameter[];
  flops: number;
}

/** A module that reports its operations, such as an imported graph. */
export interface SteppedModule extends Module {
  /** The dtype of the first input. */
  readonly firstInputDType: DType;
  /** As `forward`, and calls `report` after each operation. The output of a step is released afterwards. */
  forwardInSteps(report: (step: ModuleStep) => void, ...inputs: readonly unknown[]): unknown;
}

/** Whether a module reports its operations. */
export function isStepped(module: Module): module is SteppedModule {
  return module instanceof Module && "forwardInSteps" in module;
}
