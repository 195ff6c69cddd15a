import { checkBoolean, checkInteger, type Pair, readOptions } from "../../checks.ts";
import { OptionError } from "../../errors.ts";
import type { Address } from "../../runtime/address.ts";
import { gridWords, WIDE_STRIDE } from "../../runtime/kernels.generated.ts";
import { depthwise } from "../conv/depthwise.ts";
import { empty, intTable, type NDArray } from "../core/array.ts";
import { type Attributes, type Gradients, Op } from "../core/op.ts";
import { full } from "../elementwise/fill.ts";
import { launch } from "./kernels.ts";
import {
  checkPoolWindow,
  expectImages,
  type Planes,
  type PoolWindow,
  planeGrain,
  planesOf,
  pooledPlanes,
  windowAttributes,
} from "./window.ts";

export interface AvgPool2dOptions {
  /** Step of the window. Default: the kernel size. */
  stride?: Pair | null;
  /** Number of zeros on each side, at most half the kernel. Default 0. */
  padding?: Pair;
  /** Whether the output size is rounded up instead of down. Default false. */
  ceilMode?: boolean;
  /** Whether zeros of the padding count in the divisor. Default true. */
  countIncludePad?: boolean;
  /** Divisor of the sums instead of the number of elements: an integer other than 0. */
  divisorOverride?: number | null;
}

/** `y = sum over the window / divisor`; `dx = Σ dy / divisor` over the windows that contain the element. */
export class AvgPool2d extends Op {
  readonly name = "avgPool2d";
  readonly #window: PoolWindow;
  readonly #countIncludePad: boolean;
  /** The given divisor, or 0 if there is none. */
  readonly #divisorOverride: number;
  #planes!: Planes;

  constructor(kernelSize: Pair, options?: AvgPool2dOptions) {
    super();
    const { ceilMode, countIncludePad, divisorOverride, ...window } = readOptions(this.name, options, {
      stride: null as Pair | null,
      padding: 0 as Pair,
      ceilMode: false,
      countIncludePad: true,
      divisorOverride: null as number | null,
    });
    this.#window = {
      ...checkPoolWindow(this.name, kernelSize, { ...window, dilation: 1 }),
      ceilMode: checkBoolean(this.name, "ceilMode", ceilMode),
    };
    this.#countIncludePad = checkBoolean(this.name, "countIncludePad", countIncludePad);
    this.#divisorOverride =
      divisorOverride === null ? 0 : checkInteger(this.name, "divisorOverride", divisorOverride, -(2 ** 31));
    if (divisorOverride === 0) throw new OptionError(`${this.name}: divisorOverride expected an integer other than 0`);
  }

  get attributes(): Attributes {
    return {
      ...windowAttributes(this.#window),
      countIncludePad: this.#countIncludePad,
      divisorOverride: this.#divisorOverride || null,
    };
  }

  forward(x: NDArray): NDArray {
    this.#planes = pooledPlanes(this.name, x, this.#window);
    const y = empty(this.#planes.outShape);
    launch("avgPool2d", this.#planes.planes, planeGrain(this.#planes), x.address, y.address, this.#gridTable());
    return y;
  }

  override backward(dy: NDArray): Gradients {
    const { planes, outShape, height, width, outHeight, outWidth } = this.#planes;
    const { kernel, stride, padding } = this.#window;
    const dxShape = [...outShape.slice(0, -2), height, width];
    const grid = this.#gridTable();
    if (stride[1] >= WIDE_STRIDE || stride[0] > height || kernel[0] > height || kernel[1] > width) {
      const dx = empty(dxShape);
      launch("avgPool2dGrad", planes, planeGrain(this.#planes), dy.address, dx.address, grid);
      return [dx];
    }
    // With smaller strides there are many windows: use the input gradient of a depthwise convolution with
    // weights of 1.
    const shares = empty(outShape);
    launch("avgPool2dShares", planes, planeGrain(this.#planes), dy.address, shares.address, grid);
    const dx = depthwise.gradInput(shares, full([1, 1, ...kernel], 1, "float32"), {
      images: planes,
      groups: 1,
      inChannels: 1,
      outChannels: 1,
      height,
      width,
      kernel,
      stride,
      padding,
      dilation: [1, 1],
      outHeight,
      outWidth,
      paddedHeight: height + 2 * padding[0],
      paddedWidth: width + 2 * padding[1],
    });
    return [dx.withShape(dxShape)];
  }

  #gridTable(): Address {
    const { height, width, outHeight, outWidth } = this.#planes;
    const { kernel, stride, padding } = this.#window;
    const grid = gridWords({
      height,
      width,
      outHeight,
      outWidth,
      kernelHeight: kernel[0],
      kernelWidth: kernel[1],
      strideHeight: stride[0],
      strideWidth: stride[1],
      padTop: padding[0],
      padLeft: padding[1],
      countPadding: Number(this.#countIncludePad),
      divisorOverride: this.#divisorOverride,
    });
    return intTable(grid);
  }
}

/** An output size; null means the size of the input. */
export type AdaptiveSize = number | null | readonly (number | null)[];

/**
 * Averages over windows that divide the plane into outputSize parts as evenly as integers allow. Neighbouring
 * windows may overlap by one.
 */
export class AdaptiveAvgPool2d extends Op {
  readonly name = "adaptiveAvgPool2d";
  readonly #size: readonly (number | null)[];
  #planes!: Planes;

  constructor(outputSize: AdaptiveSize) {
    super();
    this.#size = Array.isArray(outputSize) ? outputSize : [outputSize, outputSize];
    if (this.#size.length !== 2) {
      throw new OptionError(`${this.name}: outputSize expected one integer or two, got ${JSON.stringify(outputSize)}`);
    }
    for (const size of this.#size) if (size !== null) checkInteger(this.name, "outputSize", size, 0);
  }

  get attributes(): Attributes {
    return { outputSize: this.#size };
  }

  forward(x: NDArray): NDArray {
    expectImages(this.name, x);
    const [height, width] = x.shape.slice(-2);
    this.#planes = planesOf(x, this.#size[0] ?? height, this.#size[1] ?? width);
    const y = empty(this.#planes.outShape);
    this.#launch("adaptiveAvgPool2d", x, y);
    return y;
  }

  override backward(dy: NDArray): Gradients {
    const { outShape, height, width } = this.#planes;
    const dx = empty([...outShape.slice(0, -2), height, width]);
    this.#launch("adaptiveAvgPool2dGrad", dy, dx);
    return [dx];
  }

  #launch(kernelName: "adaptiveAvgPool2d" | "adaptiveAvgPool2dGrad", from: NDArray, to: NDArray): void {
    const { planes, height, width, outHeight, outWidth } = this.#planes;
    launch(kernelName, planes, planeGrain(this.#planes), from.address, to.address, height, width, outHeight, outWidth);
  }
}
