import { empty, expectFloat, type NDArray } from "../core/array.ts";
import { type Attributes, type Gradients, Op } from "../core/op.ts";
import { noteAlgorithm } from "../core/recorder.ts";
import type { ConvAlgorithmFor } from "./algorithm.ts";
import { checkBias } from "./conv2d.ts";
import type { Conv2dGeometry } from "./geometry.ts";
import { pooledChannelSums } from "./relu_pool.ts";
import type { ConvWindow } from "./window.ts";

/**
 * Convolution, bias, ReLU and max pooling (2x2, stride 2) as one op. The intermediate results are never
 * written. For backward, it stores one byte per result, the argmax code: the position of the maximum in its
 * window (assembly/conv/relu_pool.ts). The result is the same as with three separate ops. `choosePooled`
 * decides for which sizes this op is used.
 */
export class Conv2dReluPool extends Op {
  readonly name = "conv2d";
  readonly window: ConvWindow;
  readonly geometry: Conv2dGeometry;
  readonly algorithm: ConvAlgorithmFor<"pooled">;

  /** @param geometry the sizes for a batch [N, C, H, W] and `window` */
  constructor(window: ConvWindow, geometry: Conv2dGeometry, algorithm: ConvAlgorithmFor<"pooled">) {
    super();
    this.window = window;
    this.geometry = geometry;
    this.algorithm = algorithm;
  }

  get attributes(): Attributes {
    return { ...this.window, relu: true, maxPool: 2 };
  }

  override get required(): number {
    return 2;
  }

  forward(x: NDArray, weight: NDArray, bias: NDArray | null): NDArray {
    expectFloat(this.name, x, weight, bias);
    checkBias(this.name, bias, weight.shape[0]);
    const g = this.geometry;
    const out = empty([g.images, g.outChannels, g.outHeight >> 1, g.outWidth >> 1]);
    const argmaxCodes = this.needsAny ? empty([Math.ceil(out.size / 4)], "int32") : null;
    noteAlgorithm(`${this.algorithm.name} pooled`);
    this.algorithm.pooled.forward(x, weight, bias, g, out, argmaxCodes);
    this.save(this.needs[1] ? x : null, this.needs[0] ? weight : null, argmaxCodes);
    return out;
  }

  override backward(dy: NDArray): Gradients {
    const [x, weight, argmaxCodes] = this.saved as [NDArray | null, NDArray | null, NDArray];
    noteAlgorithm(`${this.algorithm.name} pooled`);
    const { gradInput, gradWeight } = this.algorithm.pooled;
    return [
      weight && gradInput(dy, argmaxCodes, weight, this.geometry),
      x && gradWeight(x, dy, argmaxCodes, this.geometry),
      this.needs[2] ? pooledChannelSums(dy, argmaxCodes) : null,
    ];
  }
}
