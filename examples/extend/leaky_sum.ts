/** An operation with its own kernels: see assembly/kernels.ts. */
import type { Tensor } from "wasmgrad";
import { defineOperation, emptyResult, type UserKernels } from "wasmgrad/extend";

/** Makes `leakySum(x, decay)`: y[..., t] = x[..., t] + decay y[..., t - 1]. */
export function makeLeakySum(kernels: UserKernels): (x: Tensor, decay: number) => Tensor {
  const sweep = (kernel: string, from: Tensor, decay: number): Tensor => {
    const length = from.shape.at(-1) ?? 1;
    const rows = length === 0 ? 0 : from.numel() / length;
    const to = emptyResult(from.shape);
    const grain = Math.ceil(4096 / Math.max(length, 1)); // a thread takes some thousand elements at a time
    kernels.parallel(kernel, rows, grain, from, to, length, decay);
    return to;
  };
  return defineOperation({
    name: "leakySum",
    forward(context, x: Tensor, decay: number) {
      context.decay = decay;
      return sweep("leakySum", x, decay);
    },
    backward(context, gradOutput) {
      return [sweep("leakySumGrad", gradOutput, context.decay as number), null];
    },
  });
}
