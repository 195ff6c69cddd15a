import { launch } from "../wasm/kernels.ts";
import { empty, expectFloat, type NDArray, scratch } from "./array.ts";
import { checkBias } from "./conv2d.ts";
import { chooseConvAlgorithm } from "./conv2d_algorithm.ts";
import { convForwardPooled, convGradInput, convGradWeightPooled } from "./conv2d_gemm.ts";
import { type Conv2dGeometry, conv2dGeometry, type Window } from "./conv2d_geometry.ts";
import { type PaddedImages, winogradForwardPooled, winogradGradInput, winogradGradWeight } from "./conv2d_winograd.ts";
import { type Gradients, Op } from "./op.ts";

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
      "unpool", count * channels, 8, this.#dy.ptr + 4 * before, this.#codes.ptr + before, pooledHeight, pooledWidth,
      to, height, width, ...padding,
    );
  }
}

/**
 * Convolution, bias, ReLU and max pooling (2x2, stride 2) as one op: what comes between is never written, and backward starts from
 * a code of one byte a result, which says where the maximum was (assembly/conv2d/pooled.ts). What it computes is what the three
 * ops compute one after the other.
 *
 * Winograd's tiles are pooled as they are finished; other convolutions go through pooledGemm, whose gradient of the weight sums over
 * windows rather than pixels.
 */
export class Conv2dReluPool extends Op {
  readonly name = "conv2d";
  readonly #geometry: Conv2dGeometry;

  /** The op, if it serves convolutions of these sizes. */
  static for(x: readonly number[], weight: readonly number[], window: Window): Conv2dReluPool | null {
    if (x.length !== 4 || weight.length !== 4) return null;
    const g = conv2dGeometry("conv2d", x, weight, window);
    const algorithm = chooseConvAlgorithm(g);
    const serves = algorithm === "winograd" || (algorithm === "gemm" && g.groups === 1 && g.kernel[1] <= 4);
    const unit = g.dilation[1] === 1;
    return serves && unit && g.outHeight >= 2 && g.outWidth >= 2
      ? new Conv2dReluPool(g, algorithm === "winograd")
      : null;
  }

  readonly #winograd: boolean;

  private constructor(geometry: Conv2dGeometry, winograd: boolean) {
    super();
    this.#geometry = geometry;
    this.#winograd = winograd;
  }

  forward(x: NDArray, weight: NDArray, bias: NDArray | null): NDArray {
    expectFloat(this.name, x, weight, bias);
    checkBias(this.name, bias, weight.shape[0]);
    const g = this.#geometry;
    const out = empty([g.images, g.outChannels, g.outHeight >> 1, g.outWidth >> 1]);
    const codes = this.needsAny ? empty([Math.ceil(out.size / 4)], "int32") : null;
    const run = this.#winograd ? winogradForwardPooled : convForwardPooled;
    run(x, weight, bias, g, out, codes);
    this.save(this.needs[1] ? x : null, this.needs[0] ? weight : null, codes);
    return out;
  }

  override backward(dy: NDArray): Gradients {
    const [x, weight, codes] = this.saved as [NDArray | null, NDArray | null, NDArray];
    const g = this.#geometry;
    return [
      weight &&
        (this.#winograd
          ? winogradGradInput(new UnpooledImages(dy, codes), weight, g)
          : this.#gradInput(dy, codes, weight)),
      x &&
        (this.#winograd
          ? winogradGradWeight(x, new UnpooledImages(dy, codes), g)
          : convGradWeightPooled(x, dy, codes, g)),
      this.needs[2] ? this.#gradBias(dy, codes) : null,
    ];
  }

  #gradInput(dy: NDArray, codes: NDArray, weight: NDArray): NDArray {
    const { images, outChannels, outHeight, outWidth } = this.#geometry;
    const dOut = empty([images, outChannels, outHeight, outWidth]);
    new UnpooledImages(dy, codes).write(0, images, dOut.ptr, [0, 0], outHeight, outWidth);
    return convGradInput(dOut, weight, null, this.#geometry);
  }

  #gradBias(dy: NDArray, codes: NDArray): NDArray {
    const [images, channels, height, width] = dy.shape;
    const sums = empty([channels]);
    launch("pooledChannelSums", channels, 8, dy.ptr, codes.ptr, images, channels, height * width, sums.ptr);
    return sums;
  }
}
