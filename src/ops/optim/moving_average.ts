import { ELEMENTWISE_GRAIN, expectFloat, expectSameShape, type NDArray } from "../core/array.ts";
import { launch } from "./kernels.ts";

/** `mean += (x - mean) · weight`, in place. */
export function averageStep(mean: NDArray, x: NDArray, weight: number): void {
  expectFloat("average", mean, x);
  expectSameShape("average", "new value", mean.shape, x.shape);
  mean.block.version++;
  launch("averageStep", x.size, ELEMENTWISE_GRAIN, mean.address, x.address, weight);
}
