/** Shared by the ladders of conv2d and convTranspose2d: makes an op from the kernels of a rung. */

import { channelSums } from "../../src/ops/conv/conv2d.ts";
import type { Conv2dGeometry } from "../../src/ops/conv/geometry.ts";
import { empty, intTable, type NDArray } from "../../src/ops/core/array.ts";
import { type Attributes, type Gradients, NO_ATTRIBUTES, Op } from "../../src/ops/core/op.ts";
import { NULL } from "../../src/runtime/address.ts";
import { type KernelName, run, workFor } from "./kernels.ts";

export const ALL_CONV_PASSES = ["forward", "gradInput", "gradWeight"] as const;

/** The kernels of a rung, one for each pass. */
export interface ConvKernels {
  forward: KernelName;
  gradInput: KernelName;
  gradWeight: KernelName;
  work: Parameters<typeof workFor>[0];
}

/** The table that class Sizes in assembly/conv/ladder/sizes.ts reads. */
function sizesTable(g: Conv2dGeometry): number {
  return intTable([
    g.images,
    g.groups,
    g.inChannels,
    g.outChannels,
    g.height,
    g.width,
    ...g.kernel,
    ...g.stride,
    ...g.padding,
    ...g.dilation,
    g.outHeight,
    g.outWidth,
  ]);
}

/** How a rung computes a convolution with given shapes. */
interface Plan {
  geometry: Conv2dGeometry;
  kernels: ConvKernels;
  outShape: number[];
}

export class RungConvolution extends Op {
  readonly name: string;
  readonly #planFor: (x: readonly number[], weight: readonly number[]) => Plan;
  #plan!: Plan;

  constructor(name: string, planFor: (x: readonly number[], weight: readonly number[]) => Plan) {
    super();
    this.name = name;
    this.#planFor = planFor;
  }

  get attributes(): Attributes {
    return NO_ATTRIBUTES;
  }

  override get required(): number {
    return 2;
  }

  forward(x: NDArray, weight: NDArray, bias: NDArray | null): NDArray {
    this.#plan = this.#planFor(x.shape, weight.shape);
    const { geometry, kernels, outShape } = this.#plan;
    this.save(x, weight);
    const out = empty(outShape);
    const sizes = sizesTable(geometry);
    run(
      kernels.forward,
      x.address,
      weight.address,
      bias?.address ?? NULL,
      sizes,
      out.address,
      workFor(kernels.work, sizes),
    );
    return out;
  }

  override backward(dOut: NDArray): Gradients {
    const [x, weight] = this.saved as [NDArray, NDArray];
    const { gradInput, gradWeight, work } = this.#plan.kernels;
    const sizes = sizesTable(this.#plan.geometry);
    const workspace = workFor(work, sizes);
    const dx = this.needs[0] ? empty(x.shape) : null;
    if (dx) run(gradInput, dOut.address, weight.address, 0, sizes, dx.address, workspace);
    const dWeight = this.needs[1] ? empty(weight.shape) : null;
    if (dWeight) run(gradWeight, x.address, dOut.address, sizes, dWeight.address, workspace);
    return [dx, dWeight, this.needs[2] ? channelSums(dOut) : null];
  }
}
