import { checkBoolean, type Pair, readOptions } from "../../checks.ts";
import { NULL } from "../../runtime/address.ts";
import { empty, type NDArray } from "../core/array.ts";
import { type Attributes, type Gradients, Op } from "../core/op.ts";
import { launch } from "./kernels.ts";
import { checkPoolWindow, type Planes, type PoolWindow, planeGrain, pooledPlanes, windowAttributes } from "./window.ts";

export interface MaxPool2dOptions {
  /** Step of the window. Default: the kernel size. */
  stride?: Pair | null;
  /** Padding on each side with -Infinity, at most half the kernel. Default 0. */
  padding?: Pair;
  /** Distance between a window's elements. Default 1. */
  dilation?: Pair;
  /** Whether the output size is rounded up instead of down. Default false. */
  ceilMode?: boolean;
  /**
   * Whether to also return the position of each maximum in its plane, `row * W + column`, as int32. Default
   * false.
   */
  returnIndices?: boolean;
}

/**
 * `y = max over the window`; `dx = dy` at the maximum (the first of equal values), summed over windows.
 *
 * Forward saves the position of each maximum (4 bytes per output), so backward does not read x. Windows of
 * size 2 and stride 2 have special kernels: forward computes four windows at a time, and backward writes each
 * element once.
 */
export class MaxPool2d extends Op {
  readonly name = "maxPool2d";
  readonly #window: PoolWindow;
  readonly #returnIndices: boolean;
  #planes!: Planes;
  #is2x2 = false;

  constructor(kernelSize: Pair, options?: MaxPool2dOptions) {
    super();
    const { ceilMode, returnIndices, ...window } = readOptions(this.name, options, {
      stride: null as Pair | null,
      padding: 0 as Pair,
      dilation: 1 as Pair,
      ceilMode: false,
      returnIndices: false,
    });
    this.#window = {
      ...checkPoolWindow(this.name, kernelSize, window),
      ceilMode: checkBoolean(this.name, "ceilMode", ceilMode),
    };
    this.#returnIndices = checkBoolean(this.name, "returnIndices", returnIndices);
  }

  get attributes(): Attributes {
    return { ...windowAttributes(this.#window), dilation: this.#window.dilation, returnIndices: this.#returnIndices };
  }

  forward(x: NDArray): NDArray | NDArray[] {
    const { kernel, stride, padding } = this.#window;
    this.#planes = pooledPlanes(this.name, x, this.#window);
    const { planes, height, width, outHeight, outWidth, outShape } = this.#planes;
    // At this maximum, a window's second element is already outside the plane, so a larger dilation is the
    // same.
    const dilation = this.#window.dilation.map((step, d) => Math.min(step, (d === 0 ? height : width) + padding[d]));
    const plain = [...kernel, ...stride].every((n) => n === 2) && [...padding, ...dilation].join() === "0,0,1,1";
    // in ceil mode, planes of odd size have windows that extend past the plane
    this.#is2x2 = plain && outHeight === height >> 1 && outWidth === width >> 1;
    const y = empty(outShape);
    const index = this.needsAny || this.#returnIndices ? empty(outShape, "int32") : null;
    const grain = planeGrain(this.#planes);
    if (this.#is2x2) launch("maxPool2x2", planes, grain, x.address, y.address, index?.address ?? NULL, height, width);
    else {
      // biome-ignore format: the kernel's argument list
      launch(
        "maxPool2d", planes, grain, x.address, y.address, index?.address ?? NULL,
        height, width, outHeight, outWidth, ...kernel, ...stride, ...padding, dilation[0], dilation[1],
      );
    }
    this.save(index);
    return this.#returnIndices ? [y, index as NDArray] : y;
  }

  override backward(dy: NDArray): Gradients {
    const [index] = this.saved as [NDArray];
    const { planes, height, width, outHeight, outWidth, outShape } = this.#planes;
    const dx = empty([...outShape.slice(0, -2), height, width]);
    const grain = planeGrain(this.#planes);
    if (this.#is2x2) launch("maxPool2x2Grad", planes, grain, dy.address, index.address, dx.address, height, width);
    else
      launch(
        "maxPool2dGrad",
        planes,
        grain,
        dy.address,
        index.address,
        dx.address,
        outHeight * outWidth,
        height * width,
      );
    return [dx];
  }
}
