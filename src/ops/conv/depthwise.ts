import { type Address, NULL } from "../../runtime/address.ts";
import { DEPTHWISE_ROWS, depthwiseSizesWords } from "../../runtime/kernels.generated.ts";
import { empty, intTable, type NDArray, scratch, zeros } from "../core/array.ts";
import { reluInPlace } from "../elementwise/fused_relu.ts";
import type { ConvPasses } from "./algorithm.ts";
import type { Conv2dGeometry } from "./geometry.ts";
import { launch } from "./kernels.ts";

/** Threads share the planes in at most this many chunks, each with its own scratch memory. */
const CHUNKS = 64;
/** Bytes after each frame that vector loads may read. */
const SLACK = 64;

const grainFor = (units: number) => Math.max(1, Math.ceil(units / CHUNKS));
const chunksOf = (units: number, grain: number) => Math.ceil(units / grain);
const roundUp = (bytes: number) => Math.ceil(bytes / 64) * 64;

/** Maximum number of phases of the strides. The input gradient has a list of taps for each phase. */
const PHASES = 256;

/**
 * Sizes of frames: see assembly/conv/depthwise.ts. For a gradient's frame, index 0 is for rows and index 1
 * for columns.
 */
interface Frames {
  /** Columns of one phase of an input plane's frame. */
  width: number;
  /** Bytes of a frame; 0 if the plane itself is used. */
  bytes: number;
  grad: { before: number[]; size: number[]; bytes: number };
}

function framesOf(g: Conv2dGeometry): Frames {
  const width = Math.ceil(g.paddedWidth / g.stride[1]);
  const own = g.stride[1] === 1 && g.paddedWidth === g.width && g.paddedHeight === g.height;
  const out = [g.outHeight, g.outWidth];
  const before = g.kernel.map((k, d) => Math.floor(((k - 1) * g.dilation[d]) / g.stride[d]));
  const size = [g.height, g.width].map((length, d) => {
    const last = Math.floor((length - 1 + g.padding[d]) / g.stride[d]);
    return before[d] + Math.max(out[d], last + 1);
  });
  const gradOwn = size[0] === g.outHeight && size[1] === g.outWidth;
  return {
    width,
    bytes: own ? 0 : roundUp(4 * g.paddedHeight * g.stride[1] * width) + SLACK,
    grad: { before, size, bytes: gradOwn ? 0 : roundUp(4 * size[0] * size[1]) + SLACK },
  };
}

function sizesTable(g: Conv2dGeometry, { width, bytes, grad }: Frames): Address {
  const sizes = depthwiseSizesWords({
    groups: g.groups,
    filters: g.outChannels,
    taps: g.kernel[0] * g.kernel[1],
    height: g.height,
    width: g.width,
    strideHeight: g.stride[0],
    strideWidth: g.stride[1],
    paddingHeight: g.padding[0],
    paddingWidth: g.padding[1],
    outHeight: g.outHeight,
    outWidth: g.outWidth,
    frameHeight: g.paddedHeight,
    frameWidth: width,
    frameBytes: bytes,
    gradTop: grad.before[0],
    gradLeft: grad.before[1],
    gradHeight: grad.size[0],
    gradWidth: grad.size[1],
    gradBytes: grad.bytes,
  });
  return intTable(sizes);
}

/** Byte offsets of each tap of the kernel: in the frame, relative to its window, and in the weights. */
function windowTaps(g: Conv2dGeometry, { width }: Frames): Address {
  const [, strideWidth] = g.stride;
  const entries: number[] = [];
  for (let kh = 0; kh < g.kernel[0]; kh++) {
    for (let kw = 0; kw < g.kernel[1]; kw++) {
      const column = kw * g.dilation[1];
      const phase = column % strideWidth;
      const row = kh * g.dilation[0] * strideWidth + phase;
      entries.push(4 * (row * width + (column - phase) / strideWidth), 2 * entries.length);
    }
  }
  return intTable(entries);
}

/**
 * The taps of each phase of the input: `lists` has the number of taps and the index of the first one for each
 * phase; `taps` has all taps in the format of `windowTaps`.
 */
function phaseTaps(g: Conv2dGeometry, { grad }: Frames): { lists: Address; taps: Address } {
  const lists: number[] = [];
  const entries: number[] = [];
  const [kernelHeight, kernelWidth] = g.kernel;
  const filterBytes = grad.bytes || 4 * g.outHeight * g.outWidth;
  for (let phaseY = 0; phaseY < g.stride[0]; phaseY++) {
    for (let phaseX = 0; phaseX < g.stride[1]; phaseX++) {
      const first = entries.length / 2;
      for (let f = 0; f < g.outChannels; f++) {
        for (let kh = 0; kh < kernelHeight; kh++) {
          for (let kw = 0; kw < kernelWidth; kw++) {
            const [y, x] = [kh * g.dilation[0] - phaseY, kw * g.dilation[1] - phaseX];
            if (y % g.stride[0] !== 0 || x % g.stride[1] !== 0) continue;
            const [row, column] = [grad.before[0] - y / g.stride[0], grad.before[1] - x / g.stride[1]];
            const weight = (f * kernelHeight + kh) * kernelWidth + kw;
            entries.push(f * filterBytes + 4 * (row * grad.size[1] + column), 4 * weight);
          }
        }
      }
      lists.push(entries.length / 2 - first, first);
    }
  }
  return { lists: intTable(lists), taps: intTable(entries) };
}

/** out [N, groups*Co, OH, OW] = bias + weight * x; with `relu`, max(0, bias + weight * x). */
function forward(x: NDArray, weight: NDArray, bias: NDArray | null, g: Conv2dGeometry, relu: boolean): NDArray {
  const out = empty([g.images, g.groups * g.outChannels, g.outHeight, g.outWidth]);
  if (out.size === 0) return out;
  const frames = framesOf(g);
  const units = g.images * g.groups * g.outChannels;
  const grain = grainFor(units);
  const work = scratch(chunksOf(units, grain) * frames.bytes);
  const [sizes, taps] = [sizesTable(g, frames), windowTaps(g, frames)];
  launch(
    "depthwiseForward",
    units,
    grain,
    x.address,
    sizes,
    weight.address,
    bias?.address ?? NULL,
    taps,
    out.address,
    work,
    grain,
  );
  return relu ? reluInPlace(out) : out;
}

/** dx [N, groups, H, W] from dOut [N, groups*Co, OH, OW]. */
function gradInput(dOut: NDArray, weight: NDArray, g: Conv2dGeometry): NDArray {
  const dx = empty([g.images, g.groups, g.height, g.width]);
  if (dx.size === 0) return dx;
  const frames = framesOf(g);
  const units = g.images * g.groups;
  const grain = grainFor(units);
  const phaseBytes = g.stride[1] === 1 ? 0 : roundUp(4 * Math.ceil(g.width / g.stride[1]));
  const workBytes = g.outChannels * frames.grad.bytes + DEPTHWISE_ROWS * g.stride[1] * phaseBytes + SLACK;
  const work = scratch(chunksOf(units, grain) * workBytes);
  const sizes = sizesTable(g, frames);
  const { lists, taps } = phaseTaps(g, frames);
  const from = [dOut.address, sizes, weight.address, lists, taps, dx.address] as const;
  launch("depthwiseGradInput", units, grain, ...from, work, grain, workBytes, phaseBytes);
  return dx;
}

/** dWeight [groups*Co, 1, KH, KW]: images are added in an order that does not depend on the threads. */
function gradWeight(x: NDArray, dOut: NDArray, g: Conv2dGeometry): NDArray {
  const shape = [g.groups * g.outChannels, 1, ...g.kernel];
  if (dOut.size === 0) return zeros(shape);
  const dWeight = empty(shape);
  const frames = framesOf(g);
  const units = shape[0];
  const grain = grainFor(units);
  const workBytes = roundUp(frames.bytes + 8 * g.kernel[0] * g.kernel[1]);
  const work = scratch(chunksOf(units, grain) * workBytes);
  const [sizes, taps] = [sizesTable(g, frames), windowTaps(g, frames)];
  const to = [sizes, taps, dWeight.address, work, grain, workBytes] as const;
  launch("depthwiseGradWeight", units, grain, x.address, dOut.address, g.images, ...to);
  return dWeight;
}

/**
 * The three passes of a convolution whose groups have one input channel each (any number of filters per
 * group, any kernel, stride, padding and dilation): rows are correlated with the taps directly. See
 * assembly/conv/depthwise.ts.
 */
export const depthwise: ConvPasses = {
  supports: (g) => g.inChannels === 1 && g.stride[0] * g.stride[1] <= PHASES,
  forward,
  gradInput,
  gradWeight,
};
