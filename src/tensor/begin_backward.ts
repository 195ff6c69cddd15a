import { BackwardPass } from "../autograd/backward_pass.ts";
import { section } from "../ops/core/recorder.ts";
import { full } from "../ops/elementwise/fill.ts";
import { withFrame } from "../runtime/frame.ts";
import { expectGraph } from "./expect_graph.ts";
import type { Tensor } from "./tensor.ts";

/**
 * Begins what `backward()` does with a tensor of one element, to be continued node by node. The gradients are
 * those of `weight` times the tensor.
 */
export function beginBackward(loss: Tensor, mayBeInterrupted: boolean, weight = 1): BackwardPass {
  expectGraph(loss);
  return section("backward", () =>
    withFrame(() => {
      const gradient = full(loss.shape, weight, "float32");
      return new BackwardPass({ edge: loss.handle.node ?? loss, gradient }, mayBeInterrupted);
    }),
  );
}
