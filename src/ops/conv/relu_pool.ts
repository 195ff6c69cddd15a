import { kernels, launch } from "../../runtime/kernels.ts";
import { empty, expectFloat, type NDArray, scratch } from "../core/array.ts";
import { type Gradients, Op } from "../core/op.ts";
import { noteAlgorithm } from "../core/recorder.ts";
import { choosePooledAlgorithm } from "./choose.ts";
import { checkBias } from "./conv2d.ts";
import { type Conv2dGeometry, conv2dGeometry, type Window } from "./geometry.ts";
import { convForwardPooled, convGradInput, convGradWeight, convGradWeightPooled } from "./implicit_gemm.ts";
import {
  type PaddedImages,
  winogradFewForwardPooled,
  winogradForwardPooled,
  winogradGradInput,
  winogradGradWeight,
} from "./winograd.ts";

/** The gradient before ReLU and pooling: written out a few images at a time, with zeros around. */
class UnpooledImages implements PaddedImages {
  readonly channels: number;
  readonly #dy: NDArray;
  readonly #codes: NDArray;

  constructor(dy: NDArray, codes: NDArray) {
    this.channels = dy.shape[1];
    this.#dy = dy;
    this.#codes = codes;
  }

  pad(first: number, count: number, padding: readonly [number, number], height: number, width: number): number {
    const to = scratch(4 * count * this.channels * height * width);
    this.write(first, count, to, padding, height, width);
    return to;
  }

  write(first: number, count: number, to: number, padding: readonly [number, number], height: number, width: number) {
    const [, channels, pooledHeight, pooledWidth] = this.#dy.shape;
    const before = first * channels * pooledHeight * pooledWidth;
    // biome-ignore format: the kernel's argument list
    launch(
      "unpool", count * channels, 8, this.#dy.address + 4 * before, this.#codes.address + before, pooledHeight, pooledWidth,
      to, height, width, ...padding,
    );
  }
}

/** The whole gradient before ReLU and pooling. */
function unpool(dy: NDArray, codes: NDArray, g: Conv2dGeometry): NDArray {
  const dOut = empty([g.images, g.outChannels, g.outHeight, g.outWidth]);
  new UnpooledImages(dy, codes).write(0, g.images, dOut.address, [0, 0], g.outHeight, g.outWidth);
  return dOut;
}

/** Where the sums run over windows rather than pixels: what a matrix product computes, and an input of few channels. */
const byWindows = {
  gradInput: (dy: NDArray, codes: NDArray, weight: NDArray, g: Conv2dGeometry) =>
    convGradInput(unpool(dy, codes, g), weight, null, g),
  gradWeight: (x: NDArray, dy: NDArray, codes: NDArray, g: Conv2dGeometry) =>
    // a sum over windows leaves out products with a gradient of 0: those with an infinity or NaN are NaN, and belong to it
    kernels().allFinite(x.address, x.size)
      ? convGradWeightPooled(x, dy, codes, g)
      : convGradWeight(x, unpool(dy, codes, g), g),
};

/** See choosePooledAlgorithm. */
const algorithms = {
  winograd: {
    name: "winograd pooled",
    forward: winogradForwardPooled,
    gradInput: (dy: NDArray, codes: NDArray, weight: NDArray, g: Conv2dGeometry) =>
      winogradGradInput(new UnpooledImages(dy, codes), weight, g),
    gradWeight: (x: NDArray, dy: NDArray, codes: NDArray, g: Conv2dGeometry) =>
      winogradGradWeight(x, new UnpooledImages(dy, codes), g),
  },
  fewChannels: { name: "fewChannels pooled", forward: winogradFewForwardPooled, ...byWindows },
  gemm: { name: "gemm pooled", forward: convForwardPooled, ...byWindows },
};

/**
 * Convolution, bias, ReLU and max pooling (2x2, stride 2) as one op: what comes between is never written, and backward starts from
 * a code of one byte a result, which says where the maximum was (assembly/conv/relu_pool.ts). What it computes is what the three
 * ops compute one after the other.
 */
export class Conv2dReluPool extends Op {
  readonly name = "conv2d";
  readonly #geometry: Conv2dGeometry;
  readonly #algorithm: (typeof algorithms)[keyof typeof algorithms];

  /** The op, if it serves convolutions of these sizes. */
  static for(x: readonly number[], weight: readonly number[], window: Window): Conv2dReluPool | null {
    if (x.length !== 4 || weight.length !== 4) return null;
    const g = conv2dGeometry("conv2d", x, weight, window);
    const algorithm = choosePooledAlgorithm(g);
    return algorithm && new Conv2dReluPool(g, algorithm);
  }

  private constructor(geometry: Conv2dGeometry, algorithm: keyof typeof algorithms) {
    super();
    this.#geometry = geometry;
    this.#algorithm = algorithms[algorithm];
  }

  override get required(): number {
    return 2;
  }

  forward(x: NDArray, weight: NDArray, bias: NDArray | null): NDArray {
    expectFloat(this.name, x, weight, bias);
    checkBias(this.name, bias, weight.shape[0]);
    const g = this.#geometry;
    const out = empty([g.images, g.outChannels, g.outHeight >> 1, g.outWidth >> 1]);
    const codes = this.needsAny ? empty([Math.ceil(out.size / 4)], "int32") : null;
    noteAlgorithm(this.#algorithm.name);
    this.#algorithm.forward(x, weight, bias, g, out, codes);
    this.save(this.needs[1] ? x : null, this.needs[0] ? weight : null, codes);
    return out;
  }

  override backward(dy: NDArray): Gradients {
    const [x, weight, codes] = this.saved as [NDArray | null, NDArray | null, NDArray];
    const { name, gradInput, gradWeight } = this.#algorithm;
    noteAlgorithm(name);
    return [
      weight && gradInput(dy, codes, weight, this.#geometry),
      x && gradWeight(x, dy, codes, this.#geometry),
      this.needs[2] ? gradBias(dy, codes) : null,
    ];
  }
}

function gradBias(dy: NDArray, codes: NDArray): NDArray {
  const [images, channels, height, width] = dy.shape;
  const sums = empty([channels]);
  launch("pooledChannelSums", channels, 8, dy.address, codes.address, images, channels, height * width, sums.address);
  return sums;
}
