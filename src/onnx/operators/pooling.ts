import { DataError } from "../../errors.ts";
import { avgPool2d, maxPool2d, pad } from "../../nn/functional/index.ts";
import { tensor } from "../../tensor/creation.ts";
import { zeros } from "../../tensor/fill.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { sizeOf } from "../host_value.ts";
import type { Call, OperatorTable } from "../operator.ts";
import { range } from "./operands.ts";
import {
  extentOf,
  isSymmetric,
  type KernelWindow,
  listAttribute,
  paddingOf,
  readWindow,
  refuseWindow,
  WINDOW_ATTRIBUTES,
} from "./window.ts";

/**
 * The number of windows along each dimension. With `ceil`, a last window may reach beyond the end, but it
 * starts inside the input or the padding before it.
 */
function countWindows({ kernel, stride, dilation, begin, end }: KernelWindow, size: readonly number[], ceil: boolean) {
  return size.map((length, d) => {
    const steps = (length + begin[d] + end[d] - extentOf(kernel[d], dilation[d])) / stride[d];
    if (!ceil) return Math.floor(steps) + 1;
    const count = Math.ceil(steps) + 1;
    return (count - 1) * stride[d] >= length + begin[d] ? count - 1 : count;
  });
}

/** The input with exactly the elements around it that its windows reach. */
function padForWindows(x: Tensor, window: KernelWindow, counts: readonly number[], value: number): Tensor {
  const { kernel, stride, dilation, begin } = window;
  const end = counts.map((count, d) => {
    const reached = (count - 1) * stride[d] + extentOf(kernel[d], dilation[d]);
    return reached - begin[d] - x.shape[d + 2];
  });
  const amounts = paddingOf(begin, end);
  return amounts.every((amount) => amount === 0) ? x : pad(x, amounts, { value });
}

type Pair = [number, number];

/**
 * Positions of maxima in planes of one width, as positions in planes of another: (row, column) is moved by
 * `by`.
 */
function movePositions(positions: Tensor, [from, to]: Pair, [rows, columns]: readonly number[]): Tensor {
  const row = positions.floorDivide(from);
  return row
    .sub(rows)
    .mul(to)
    .add(positions.sub(row.mul(from)).sub(columns));
}

/** Pools planes [M,1,H,W] without padding. */
function poolPlanes(x: Tensor, kernel: Pair, stride: Pair, dilation: Pair, wanted: boolean): [Tensor, Tensor | null] {
  if (wanted) return maxPool2d(x, kernel, { stride, dilation, returnIndices: true });
  return [maxPool2d(x, kernel, { stride, dilation }), null];
}

/**
 * The largest value of each window, and its position in the volume [D,H,W] that was padded to `x`; one- and
 * two-dimensional inputs are volumes of one plane or row. Planes are pooled first, then the depth of each
 * pixel.
 */
function poolVolumes(x: Tensor, window: KernelWindow, wanted: boolean): [Tensor, Tensor | null] {
  const [depth, height, width] = x.shape.slice(2);
  const blocks = x.shape[0] * x.shape[1];
  const { kernel, stride, dilation, begin } = window;
  const last = (list: readonly number[]) => list.slice(1) as Pair;
  const planes = x.reshape([blocks * depth, 1, height, width]);
  const [flat, inPlane] = poolPlanes(planes, last(kernel), last(stride), last(dilation), wanted);
  const [rows, columns] = flat.shape.slice(2);
  const pixels = rows * columns;
  if (kernel[0] === 1 && stride[0] === 1 && depth === 1) {
    return [flat.reshape([...x.shape.slice(0, 2), 1, rows, columns]), inPlane?.reshape([blocks, 1, pixels]) ?? null];
  }
  const lines = flat.reshape([blocks, 1, depth, pixels]);
  const [deep, inDepth] = poolPlanes(lines, [kernel[0], 1], [stride[0], 1], [dilation[0], 1], wanted);
  const values = deep.reshape([...x.shape.slice(0, 2), deep.shape[2], rows, columns]);
  if (!inPlane || !inDepth) return [values, null];
  // inDepth counts in [depth, pixels]: its row is the plane
  const plane = inDepth.reshape([blocks, deep.shape[2], pixels]).floorDivide(pixels);
  const pixel = inPlane.reshape([blocks, depth, pixels]).gather(1, plane);
  // positions in [depth, height, width] of the padded volume; without the padding of the depth
  return [
    values,
    plane
      .sub(begin[0])
      .mul(height * width)
      .add(pixel),
  ];
}

/** The list with leading items, so that it has three. */
const inVolume = (list: readonly number[], fill: number) => [...Array<number>(3 - list.length).fill(fill), ...list];

/** The windows of a sequence or an image as those of a volume. */
const windowInVolume = ({ kernel, stride, dilation, begin, end }: KernelWindow): KernelWindow => ({
  kernel: inVolume(kernel, 1),
  stride: inVolume(stride, 1),
  dilation: inVolume(dilation, 1),
  begin: inVolume(begin, 0),
  end: inVolume(end, 0),
});

function maxPool(call: Call): (Tensor | undefined)[] {
  const x = call.float(0);
  const window = readWindow(call, x.shape);
  const ceil = call.attributes.flag("ceil_mode", false);
  const wanted = call.hasOutput(1);
  const size = x.shape.slice(2);
  if (size.length === 2 && !wanted && isSymmetric(window) && window.begin.every((n, d) => 2 * n <= window.kernel[d])) {
    const { kernel, stride, dilation, begin } = window;
    const options = { stride: stride as Pair, padding: begin as Pair, dilation: dilation as Pair, ceilMode: ceil };
    return [maxPool2d(x, kernel as Pair, options)];
  }
  const counts = countWindows(window, size, ceil);
  const padded = padForWindows(x, window, counts, -Infinity);
  const volume = (t: Tensor) => t.reshape([...t.shape.slice(0, 2), ...inVolume(t.shape.slice(2), 1)]);
  const whole = windowInVolume(window);
  const [values, positions] = poolVolumes(volume(padded), whole, wanted);
  const shape = [...x.shape.slice(0, 2), ...counts];
  const y = values.reshape(shape);
  if (!positions) return [y];
  return [y, positionsInInput(call, positions, whole, volume(x), volume(padded)).reshape(shape)];
}

/**
 * Positions in the padded volumes as positions in the whole input, in row-major order or column-major planes.
 */
function positionsInInput(call: Call, positions: Tensor, { begin }: KernelWindow, x: Tensor, padded: Tensor): Tensor {
  const [batch, channels, depth, height, width] = x.shape;
  const [planeRows, planeColumns] = padded.shape.slice(3);
  const plane = positions.floorDivide(planeRows * planeColumns);
  const pixel = movePositions(
    positions.sub(plane.mul(planeRows * planeColumns)),
    [planeColumns, width],
    begin.slice(1),
  );
  const blocks = tensor(
    Int32Array.from(range(batch * channels), (i) => i * depth * height * width),
    { shape: [batch * channels, ...Array<number>(positions.dim() - 1).fill(1)] },
  );
  if (!call.attributes.flag("storage_order", false))
    return plane
      .mul(height * width)
      .add(pixel)
      .add(blocks);
  const row = pixel.floorDivide(width);
  const column = pixel.sub(row.mul(width));
  return plane
    .add(row.mul(depth))
    .add(column.mul(depth * height))
    .add(blocks);
}

/** Adds up the elements of each window, dimension by dimension. */
function sumWindows(x: Tensor, window: KernelWindow, counts: readonly number[]): Tensor {
  const padded = padForWindows(x, window, counts, 0);
  const { kernel, stride, dilation } = window;
  if (counts.length < 3 && dilation.every((step) => step === 1)) {
    const images = counts.length === 1 ? padded.unsqueeze(2) : padded;
    const [size, step] = [kernel, stride].map((list) => (list.length === 1 ? [1, list[0]] : list) as Pair);
    const sums = avgPool2d(images, size, { stride: step, divisorOverride: 1 });
    return counts.length === 1 ? sums.squeeze(2) : sums;
  }
  return counts.reduce((y, count, d) => {
    const parts = range(kernel[d]).map((k) => {
      const start = k * dilation[d];
      return y.slice(d + 2, start, start + (count - 1) * stride[d] + 1, stride[d]);
    });
    return parts.reduce((a, b) => a.add(b));
  }, padded);
}

/** The number of elements in each window: only those of the input, or also those of the padding. */
function elementCounts(
  window: KernelWindow,
  size: readonly number[],
  counts: readonly number[],
  padding: boolean,
): Tensor {
  const { kernel, stride, dilation, begin, end } = window;
  const factors = counts.map((count, d) => {
    const [first, last] = padding ? [-begin[d], size[d] + end[d]] : [0, size[d]];
    const inWindow = (start: number) =>
      range(kernel[d]).filter((k) => start + k * dilation[d] >= first && start + k * dilation[d] < last).length;
    const along = range(count).map((i) => inWindow(i * stride[d] - begin[d]));
    return tensor(Float32Array.from(along), { shape: counts.map((_, e) => (e === d ? count : 1)) });
  });
  return factors.reduce((a, b) => a.mul(b));
}

function averagePool(call: Call): Tensor {
  const x = call.float(0);
  const window = readWindow(call, x.shape);
  const size = x.shape.slice(2);
  const padding = call.attributes.flag("count_include_pad", false);
  const counts = countWindows(window, size, call.attributes.flag("ceil_mode", false));
  return sumWindows(x, window, counts).div(elementCounts(window, size, counts, padding));
}

/** `(Σ |x|^p)^(1/p)`, with a gradient of 0 where it is 0. */
function lpPool(call: Call): Tensor {
  const x = call.float(0);
  const p = call.attributes.int("p", 2);
  const window = readWindow(call, x.shape);
  const counts = countWindows(window, x.shape.slice(2), call.attributes.flag("ceil_mode", false));
  const sums = sumWindows(p === 2 ? x.square() : x.abs().pow(p), window, counts);
  const isZero = sums.eq(0);
  const positive = sums.maskedFill(isZero, 1);
  return (p === 2 ? positive.sqrt() : positive.pow(1 / p)).maskedFill(isZero, 0);
}

/** Puts values at positions of a result of zeros. */
function maxUnpool(call: Call): Tensor {
  const [x, positions] = [call.float(0), call.tensor(1)];
  const rank = x.dim() - 2;
  const kernel = listAttribute(call, "kernel_shape", rank, 1);
  const stride = listAttribute(call, "strides", rank, 1);
  const pads = listAttribute(call, "pads", 2 * rank, 0);
  const size = range(rank).map((d) => (x.shape[d + 2] - 1) * stride[d] - pads[d] - pads[d + rank] + kernel[d]);
  const shape = [...x.shape.slice(0, 2), ...size];
  const placed = zeros([sizeOf(shape)])
    .scatter(0, positions.reshape([-1]), x.reshape([-1]))
    .reshape(shape);
  const wanted = call.optionalInts(2)?.slice(2);
  if (!wanted) return placed;
  // the positions count in the smaller shape
  return pad(
    placed,
    paddingOf(
      Array(rank).fill(0),
      wanted.map((length, d) => length - size[d]),
    ),
  );
}

/** All dimensions after batch and channels. */
const spatialDims = (x: Tensor) => range(x.dim()).slice(2);

const POOL = [...WINDOW_ATTRIBUTES, "ceil_mode"];

/** Pooling over windows, and over whole planes. */
export const POOLING: OperatorTable = {
  MaxPool: { attributes: [...POOL, "storage_order"], refuse: refuseWindow, run: maxPool },
  AveragePool: { attributes: [...POOL, "count_include_pad"], refuse: refuseWindow, run: averagePool },
  LpPool: { attributes: [...POOL, "p"], refuse: refuseWindow, run: lpPool },
  MaxUnpool: { attributes: ["kernel_shape", "pads", "strides"], run: maxUnpool },
  MaxRoiPool: {
    attributes: ["pooled_shape", "spatial_scale"],
    refuse: () => "pooling of regions has no kernel",
    run(call) {
      throw new DataError(`${call.opType} ${call.name}: pooling of regions has no kernel`);
    },
  },
  GlobalAveragePool: {
    run(call) {
      const x = call.float(0);
      return x.mean(spatialDims(x), { keepdim: true });
    },
  },
  GlobalMaxPool: {
    run(call) {
      const x = call.float(0);
      return x.amax(spatialDims(x), { keepdim: true });
    },
  },
  GlobalLpPool: {
    attributes: ["p"],
    run(call) {
      const x = call.float(0);
      return x.norm(call.attributes.int("p", 2), spatialDims(x), { keepdim: true });
    },
  },
};
