import { AutogradError } from "../errors.ts";
import type { Tensor } from "./tensor.ts";

/** Throws unless a tensor was computed from something with requiresGrad, or has it itself. */
export function expectGraph(tensor: Tensor): void {
  if (tensor.requiresGrad) return;
  throw new AutogradError("backward: this tensor has no graph: nothing it was made from has requiresGrad");
}
