import { formatShape, ShapeError } from "../../errors.ts";
import { expectFloat, expectRank, type NDArray } from "../core/array.ts";
import { type Attributes, type Gradients, Op } from "../core/op.ts";
import { noteAlgorithm } from "../core/recorder.ts";
import { reluBackward } from "../elementwise/fused_relu.ts";
import { sumTo } from "../reduce/sum.ts";
import type { ConvAlgorithmFor } from "./algorithm.ts";
import { chooseConvolution } from "./choose.ts";
import { type Conv2dGeometry, conv2dGeometry } from "./geometry.ts";
import type { ConvWindow } from "./window.ts";

/** [C, H, W] becomes a batch of one. */
export function asBatch(op: string, x: NDArray): NDArray {
  if (x.shape.length === 3) return x.withShape([1, ...x.shape]);
  expectRank(op, "input", x, 4, "[N,C,H,W] or [C,H,W]");
  return x;
}

export function checkBias(op: string, bias: NDArray | null, channels: number): void {
  if (bias && (bias.shape.length !== 1 || bias.shape[0] !== channels)) {
    throw new ShapeError(`${op}: bias expected shape [${channels}], got ${formatShape(bias.shape)}`);
  }
}

/** The gradient of a bias with one float per channel: the sum over images and pixels. */
export function channelSums(x: NDArray): NDArray {
  return sumTo(x, [x.shape[1], 1, 1]).withShape([x.shape[1]]);
}

/**
 * `out[n,co,oy,ox] = bias[co] + Σ weight[co,ci,kh,kw] · x[n, ci, oy·stride + kh·dilation - padding, …]`. With
 * `relu`, the result is max(out, 0). See F.conv2d.
 */
export class Conv2d extends Op {
  readonly name = "conv2d";
  readonly window: ConvWindow;
  readonly relu: boolean;
  /** The sizes of the convolution and its algorithm; set by `forward`. */
  geometry!: Conv2dGeometry;
  algorithm!: ConvAlgorithmFor<"plain">;
  inputShape!: readonly number[];

  constructor(window: ConvWindow, relu = false) {
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
    expectRank(this.name, "weight", weight, 4, "[Co,Ci,KH,KW]");
    checkBias(this.name, bias, weight.shape[0]);
    this.inputShape = x.shape;
    this.geometry = conv2dGeometry(this.name, input.shape, weight.shape, this.window);
    this.algorithm = chooseConvolution(this.geometry);
    noteAlgorithm(this.algorithm.name);
    const out = this.algorithm.plain.forward(input, weight, bias, this.geometry, this.relu);
    this.save(this.needs[1] ? input : null, this.needs[0] ? weight : null, this.relu ? out : null);
    return x.shape.length === 3 ? out.withShape(out.shape.slice(1)) : out;
  }

  override backward(dOut: NDArray): Gradients {
    const [input, weight, out] = this.saved;
    const after = asBatch(this.name, dOut);
    const dy = out ? reluBackward(after, out) : after;
    noteAlgorithm(this.algorithm.name);
    const { gradInput, gradWeight } = this.algorithm.plain;
    return [
      this.needs[0] ? gradInput(dy, weight!, this.geometry).withShape(this.inputShape) : null,
      this.needs[1] ? gradWeight(input!, dy, this.geometry) : null,
      this.needs[2] ? channelSums(dy) : null,
    ];
  }
}
