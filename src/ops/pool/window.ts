import { checkPair, type Pair } from "../../checks.ts";
import { formatShape, ShapeError } from "../../errors.ts";
import { expectFloat, type NDArray } from "../core/array.ts";
import type { Attributes } from "../core/op.ts";

/** The windows of a pooling op; pairs are (height, width). */
export interface PoolWindow {
  kernel: [number, number];
  stride: [number, number];
  padding: [number, number];
  dilation: [number, number];
  ceilMode: boolean;
}

/** The number and size of the input planes, and the size of the pooled planes. */
export interface Planes {
  planes: number;
  height: number;
  width: number;
  outHeight: number;
  outWidth: number;
  outShape: number[];
}

/**
 * Checks the kernel, the stride (default: the kernel) and the padding, which as in PyTorch must be at most
 * half the kernel.
 */
export function checkPoolWindow(
  op: string,
  kernelSize: Pair,
  options: { stride: Pair | null; padding: Pair; dilation: Pair },
): Omit<PoolWindow, "ceilMode"> {
  const kernel = checkPair(op, "kernelSize", kernelSize, 1);
  const stride = options.stride === null ? kernel : checkPair(op, "stride", options.stride, 1);
  const padding = checkPair(op, "padding", options.padding, 0);
  const dilation = checkPair(op, "dilation", options.dilation, 1);
  if (padding.some((pad, i) => pad > Math.floor(kernel[i] / 2))) {
    throw new ShapeError(
      `${op}: padding expected at most half the kernel size ${formatShape(kernel)}, got ${formatShape(padding)}`,
    );
  }
  return { kernel, stride, padding, dilation };
}

/** The attributes that pooling ops share. */
export function windowAttributes({ kernel, stride, padding, ceilMode }: PoolWindow): Attributes {
  return { kernelSize: kernel, stride, padding, ceilMode };
}

/** Checks an input [N, C, H, W] or [C, H, W]: only the batch may be empty. */
export function expectImages(op: string, x: NDArray): void {
  expectFloat(op, x);
  const rank = x.shape.length;
  if ((rank !== 3 && rank !== 4) || x.shape.slice(rank - 3).includes(0)) {
    throw new ShapeError(
      `${op}: input expected [N,C,H,W] or [C,H,W] where only N may be 0, got ${formatShape(x.shape)}`,
    );
  }
}

/**
 * Number of windows along one dimension. In ceil mode, the last window must start inside the input or the
 * padding before the input.
 */
function outputLength(length: number, window: PoolWindow, d: 0 | 1): number {
  const { kernel, stride, padding, dilation, ceilMode } = window;
  const steps = (length + 2 * padding[d] - dilation[d] * (kernel[d] - 1) - 1) / stride[d];
  if (!ceilMode) return Math.floor(steps) + 1;
  const count = Math.ceil(steps) + 1;
  return (count - 1) * stride[d] >= length + padding[d] ? count - 1 : count;
}

/** Describes an input as planes, with the size of the pooled planes. */
export function planesOf(x: NDArray, outHeight: number, outWidth: number): Planes {
  const [height, width] = x.shape.slice(-2);
  const leading = x.shape.slice(0, -2);
  const planes = leading.reduce((product, length) => product * length, 1);
  return { planes, height, width, outHeight, outWidth, outShape: [...leading, outHeight, outWidth] };
}

export function pooledPlanes(op: string, x: NDArray, window: PoolWindow): Planes {
  expectImages(op, x);
  const [height, width] = x.shape.slice(-2);
  const outHeight = outputLength(height, window, 0);
  const outWidth = outputLength(width, window, 1);
  if (outHeight < 1 || outWidth < 1) {
    throw new ShapeError(
      `${op}: kernel ${formatShape(window.kernel)} with dilation ${formatShape(window.dilation)} is larger than the input ` +
        `${formatShape(x.shape)} with padding ${formatShape(window.padding)}`,
    );
  }
  return planesOf(x, outHeight, outWidth);
}

/** Number of planes that a thread takes at a time: about 64 KiB of the larger of input and output. */
export function planeGrain({ height, width, outHeight, outWidth }: Planes): number {
  return Math.max(1, Math.floor(16384 / Math.max(1, height * width, outHeight * outWidth)));
}
