import { expectFloat, expectRank, type NDArray } from "../core/array.ts";
import { type Attributes, type Gradients, Op } from "../core/op.ts";
import { noteAlgorithm } from "../core/recorder.ts";
import { reluBackward } from "../elementwise/fused_relu.ts";
import type { ConvAlgorithmFor } from "./algorithm.ts";
import { chooseTransposed } from "./choose.ts";
import { asBatch, channelSums, checkBias } from "./conv2d.ts";
import { type Conv2dGeometry, convTranspose2dGeometry } from "./geometry.ts";
import type { TransposedConvWindow } from "./window.ts";

/**
 * The gradient of a convolution with respect to its input, as an operation: each input pixel adds the kernel,
 * scaled by the pixel's value, to the output. weight: [Ci, Co/groups, KH, KW]. See F.convTranspose2d, and
 * transposed.ts for its passes.
 */
export class ConvTranspose2d extends Op {
  readonly name = "convTranspose2d";
  readonly window: TransposedConvWindow;
  readonly relu: boolean;
  /**
   * The geometry of the convolution from the output back to the input, and the algorithm; set by `forward`.
   */
  geometry!: Conv2dGeometry;
  algorithm!: ConvAlgorithmFor<"transposed">;
  inputShape!: readonly number[];

  constructor(window: TransposedConvWindow, relu = false) {
    super();
    this.window = window;
    this.relu = relu;
  }

  get attributes(): Attributes {
    return { ...this.window, relu: this.relu };
  }

  override get required(): number {
    return 2;
  }

  forward(x: NDArray, weight: NDArray, bias: NDArray | null): NDArray {
    expectFloat(this.name, x, weight, bias);
    const input = asBatch(this.name, x);
    expectRank(this.name, "weight", weight, 4, "[Ci,Co/groups,KH,KW]");
    checkBias(this.name, bias, weight.shape[1] * this.window.groups);
    this.inputShape = x.shape;
    this.geometry = convTranspose2dGeometry(this.name, input.shape, weight.shape, this.window);
    this.algorithm = chooseTransposed(this.geometry);
    noteAlgorithm(this.algorithm.name);
    const out = this.algorithm.transposed.forward(input, weight, bias, this.geometry, this.relu);
    this.save(this.needs[1] ? input : null, this.needs[0] ? weight : null, this.relu ? out : null);
    return x.shape.length === 3 ? out.withShape(out.shape.slice(1)) : out;
  }

  override backward(dOut: NDArray): Gradients {
    const [input, weight, out] = this.saved;
    const after = asBatch(this.name, dOut);
    const dy = out ? reluBackward(after, out) : after;
    noteAlgorithm(this.algorithm.name);
    const { gradInput, gradWeight } = this.algorithm.transposed;
    return [
      this.needs[0] ? gradInput(dy, weight!, this.geometry).withShape(this.inputShape) : null,
      this.needs[1] ? gradWeight(input!, dy, this.geometry) : null,
      this.needs[2] ? channelSums(dy) : null,
    ];
  }
}
