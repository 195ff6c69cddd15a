import type { Lengths } from "../length.ts";
import type { OperatorWriter, StepWriter } from "../operator_writer.ts";
import { formulas } from "./elementwise.ts";

type Pair = readonly [number, number];

/** Writes nodes for images [N,C,H,W]; images without a batch, [C,H,W], become a batch of one. */
function onBatch(s: StepWriter, write: (x: string) => readonly string[]): string[] {
  if (s.shape(0).length === 4) return [...write(s.x(0))];
  return write(s.nodes.unsqueeze(s.x(0), [0])).map((y) => s.nodes.squeeze(y, [0]));
}

/** Names without those of omitted inputs. */
export const optional = (names: readonly string[]) => names.filter((name) => name !== "");

const conv2d: OperatorWriter = (s) => {
  const [dilation, padding] = [s.attribute<Pair>("dilation"), s.attribute<Pair | "same">("padding")];
  const kernel = s.fixed(s.shape(1).slice(2), "the kernel");
  const pads =
    padding === "same"
      ? [0, 1].flatMap((side) => kernel.map((size, d) => Math.floor((dilation[d] * (size - 1) + side) / 2)))
      : [...padding, ...padding];
  const attributes = {
    kernel_shape: kernel,
    strides: s.attribute<Pair>("stride"),
    pads,
    dilations: dilation,
    group: s.attribute<number>("groups"),
  };
  return onBatch(s, (x) => {
    let y = s.nodes.node("Conv", optional([x, s.x(1), s.optional(2)]), attributes);
    if (s.attribute<boolean>("relu")) y = s.nodes.node("Relu", [y]);
    const pool = s.attribute<number | undefined>("maxPool");
    return [pool ? s.nodes.node("MaxPool", [y], { kernel_shape: [pool, pool], strides: [pool, pool] }) : y];
  });
};

const convTranspose2d: OperatorWriter = (s) => {
  const padding = s.attribute<Pair>("padding");
  const stride = s.attribute<Pair>("stride");
  if (s.attribute<Pair>("outputPadding").some((extra, d) => extra >= stride[d])) {
    s.refuse("outputPadding is not less than the stride, which onnxruntime does not accept");
  }
  const attributes = {
    kernel_shape: s.fixed(s.shape(1).slice(2), "the kernel"),
    strides: stride,
    pads: [...padding, ...padding],
    output_padding: s.attribute<Pair>("outputPadding"),
    dilations: s.attribute<Pair>("dilation"),
    group: s.attribute<number>("groups"),
  };
  return onBatch(s, (x) => {
    const y = s.nodes.node("ConvTranspose", optional([x, s.x(1), s.optional(2)]), attributes);
    return [s.attribute<boolean>("relu") ? s.nodes.node("Relu", [y]) : y];
  });
};

/** Sizes of a pooling: the padding at the end reaches as far as the last window of ceil mode. */
function poolSizes(s: StepWriter) {
  const kernel = s.attribute<Pair>("kernelSize");
  const stride = s.attribute<Pair>("stride");
  const padding = s.attribute<Pair>("padding");
  const dilation = s.attribute<Pair | undefined>("dilation") ?? [1, 1];
  const size = s.fixed(s.shape(0).slice(-2), "height and width");
  const out = s.fixed(s.result.slice(-2), "height and width");
  const ends = [0, 1].map((d) => {
    const needed = (out[d] - 1) * stride[d] + dilation[d] * (kernel[d] - 1) + 1 - size[d] - padding[d];
    return Math.max(padding[d], needed);
  });
  return { kernel, stride, padding, dilation, size, out, pads: [...padding, ...ends] };
}

const maxPool2d: OperatorWriter = (s) => {
  const { kernel, stride, dilation, size, pads } = poolSizes(s);
  const dilations = dilation.some((step) => step !== 1) ? dilation : undefined;
  const attributes = { kernel_shape: kernel, strides: stride, pads, dilations };
  if (!s.attribute<boolean>("returnIndices")) return onBatch(s, (x) => [s.nodes.node("MaxPool", [x], attributes)]);
  return onBatch(s, (x) => {
    const [y, index] = s.nodes.nodeOf("MaxPool", [x], attributes, 2);
    // ONNX counts positions in the whole tensor, wasmgrad in each plane
    const inPlane = s.nodes.node("Mod", [index, s.nodes.scalar(size[0] * size[1], "int64")]);
    return [y, s.nodes.cast(inPlane, "int64", "int32")];
  });
};

const avgPool2d: OperatorWriter = (s) => {
  const { kernel, stride, padding, size, out, pads } = poolSizes(s);
  const override = s.attribute<number | null>("divisorOverride");
  const countsPadding = s.attribute<boolean>("countIncludePad");
  const isEven = pads[0] === pads[2] && pads[1] === pads[3];
  const attributes = { kernel_shape: kernel, strides: stride, pads, count_include_pad: 1 };
  if (override === null && isEven) {
    const counted = { ...attributes, count_include_pad: Number(countsPadding) };
    return onBatch(s, (x) => [s.nodes.node("AveragePool", [x], counted)]);
  }
  // the mean over all of a window, times the size of the window over the divisor of each output
  const counts = [0, 1].map((d) =>
    Array.from({ length: out[d] }, (_, i) => {
      const start = i * stride[d] - padding[d];
      const [low, high] = countsPadding ? [start, size[d] + padding[d]] : [Math.max(start, 0), size[d]];
      return Math.min(start + kernel[d], high) - low;
    }),
  );
  const area = kernel[0] * kernel[1];
  const scale = counts[0].flatMap((rows) => counts[1].map((columns) => area / (override ?? rows * columns)));
  return onBatch(s, (x) => [
    s.nodes.node("Mul", [s.nodes.node("AveragePool", [x], attributes), s.nodes.constant(scale, out, "float32")]),
  ]);
};

/**
 * The weights of the input positions for each output position of an adaptive pooling: [length, outLength] by
 * columns.
 */
function adaptiveWeights(length: number, outLength: number): number[] {
  return Array.from({ length: length * outLength }, (_, at) => {
    const [position, i] = [Math.floor(at / outLength), at % outLength];
    const [start, end] = [Math.floor((i * length) / outLength), Math.ceil(((i + 1) * length) / outLength)];
    return position >= start && position < end ? 1 / (end - start) : 0;
  });
}

/** Averages of windows that divide height and width into parts. */
export function writeAdaptivePool(s: StepWriter): string | string[] {
  const size = s.fixed(s.shape(0).slice(-2), "height and width");
  const out = s.fixed(s.result.slice(-2), "height and width");
  if (size[0] === out[0] && size[1] === out[1]) return s.x(0);
  if (out[0] === 1 && out[1] === 1) return onBatch(s, (x) => [s.nodes.node("GlobalAveragePool", [x])]);
  if (size.every((length, d) => length % out[d] === 0)) {
    const kernel = size.map((length, d) => length / out[d]);
    return onBatch(s, (x) => [s.nodes.node("AveragePool", [x], { kernel_shape: kernel, strides: kernel })]);
  }
  const columns = s.nodes.constant(adaptiveWeights(size[1], out[1]), [size[1], out[1]], "float32");
  const weights = adaptiveWeights(size[0], out[0]);
  const turned = Array.from(
    { length: weights.length },
    (_, i) => weights[(i % size[0]) * out[0] + Math.floor(i / size[0])],
  );
  const rows = s.nodes.constant(turned, [out[0], size[0]], "float32");
  return s.nodes.node("MatMul", [rows, s.nodes.node("MatMul", [s.x(0), columns])]);
}

const linear: OperatorWriter = (s) => {
  const shape = s.shape(0);
  const [outputs, inputs] = s.shape(1);
  const rows = shape.length === 1 ? 1 : -1;
  const flat = shape.length === 2 ? s.x(0) : s.nodes.node("Reshape", [s.x(0), s.nodes.lengths([rows, inputs])]);
  const y = s.nodes.node("Gemm", optional([flat, s.x(1), s.optional(2)]), { transB: 1 });
  if (shape.length === 2) return y;
  const known: Lengths = [...shape.slice(0, -1), outputs];
  return s.nodes.reshape(y, [], known);
};

/** The weight or bias of a norm. If it is omitted: ones or zeros. */
const affine = (s: StepWriter, i: number, value: number, shape: readonly number[]) =>
  s.has(i) ? s.x(i) : s.nodes.filled(value, shape);

const batchNorm: OperatorWriter = (s) => {
  const eps = s.attribute<number>("eps");
  const channels = s.fixed([s.shape(0)[1]], "the channels");
  if (!s.attribute<boolean>("training")) {
    const inputs = [s.x(0), affine(s, 1, 1, channels), affine(s, 2, 0, channels), s.x(3), s.x(4)];
    return s.nodes.node("BatchNormalization", inputs, { epsilon: { float: eps } });
  }
  // a layer without running statistics normalizes with those of the batch
  const dims = [...s.shape(0).keys()].filter((d) => d !== 1);
  return normalized(s, dims, eps, [channels[0], ...dims.slice(1).map(() => 1)]);
};

/** `(x - mean) / √(var + eps) * weight + bias` over dimensions, with weight and bias of the given shape. */
function normalized(s: StepWriter, dims: readonly number[], eps: number, shape: readonly number[]): string {
  const { add, sub, mul, div, value } = formulas(s);
  const deviation = sub(s.x(0), s.nodes.reduce("ReduceMean", s.x(0), dims, true));
  const variance = s.nodes.reduce("ReduceMean", mul(deviation, deviation), dims, true);
  return scaledAndShifted(s, div(deviation, s.nodes.node("Sqrt", [add(variance, value(eps))])), shape);
}

function scaledAndShifted(s: StepWriter, x: string, shape: readonly number[]): string {
  const { add, mul } = formulas(s);
  const spread = (i: number) => s.nodes.reshape(s.x(i), s.shape(i), shape);
  const scaled = s.has(1) ? mul(x, spread(1)) : x;
  return s.has(2) ? add(scaled, spread(2)) : scaled;
}

const layerNorm: OperatorWriter = (s) => {
  const shape = s.attribute<readonly number[]>("normalizedShape");
  const eps = s.attribute<number>("eps");
  if (s.nodes.opset < 17) {
    const rank = s.shape(0).length;
    return normalized(
      s,
      shape.map((_, d) => rank - shape.length + d),
      eps,
      shape,
    );
  }
  const inputs = optional([s.x(0), affine(s, 1, 1, shape), s.optional(2)]);
  return s.nodes.node("LayerNormalization", inputs, { axis: -shape.length, epsilon: { float: eps } });
};

/** InstanceNormalization of [N, groups, ...]. */
const groupNorm: OperatorWriter = (s) => {
  const groups = s.attribute<number>("numGroups");
  const shape = s.shape(0);
  const [channels] = s.fixed([shape[1]], "the channels");
  const inner = s.fixed(shape.slice(2), "the dimensions of the image").reduce((a, b) => a * b, channels / groups);
  const grouped = s.nodes.reshape(s.x(0), shape, [shape[0], groups, inner]);
  const constant = (value: number) => s.nodes.filled(value, [groups]);
  const epsilon = { float: s.attribute<number>("eps") };
  const y = s.nodes.node("InstanceNormalization", [grouped, constant(1), constant(0)], { epsilon });
  const back = s.nodes.reshape(y, [shape[0], groups, inner], shape);
  return scaledAndShifted(s, back, [channels, ...shape.slice(2).map(() => 1)]);
};

/** x / max(‖x‖₂, eps), or images with a mean and deviation for each channel. */
const normalize: OperatorWriter = (s) => {
  const { sub, div, value } = formulas(s);
  const means = s.attribute<readonly number[] | undefined>("mean");
  if (!means) {
    const norm = s.nodes.reduce("ReduceL2", s.x(0), [s.dim()], true);
    return div(s.x(0), s.nodes.node("Max", [norm, value(s.attribute("eps"))]));
  }
  const column = (list: readonly number[]) => s.nodes.constant(list, [list.length, 1, 1], "float32");
  return div(sub(s.x(0), column(means)), column(s.attribute("std")));
};

const softmax =
  (opType: string): OperatorWriter =>
  (s) =>
    s.shape(0).length === 0
      ? s.nodes.squeeze(s.nodes.node(opType, [s.nodes.unsqueeze(s.x(0), [0])], { axis: 0 }), [0])
      : s.nodes.node(opType, [s.x(0)], { axis: s.dim() });

const causalSoftmax: OperatorWriter = (s) => {
  const [rows, columns] = s.fixed(s.shape(0).slice(-2), "the matrices");
  const mask = Array.from({ length: rows * columns }, (_, i) => Number(i % columns <= Math.floor(i / columns)));
  const visible = s.nodes.constant(mask, [rows, columns], "bool");
  const scores = s.nodes.node("Where", [visible, s.x(0), s.nodes.scalar(-Infinity)]);
  return s.nodes.node("Softmax", [scores], { axis: -1 });
};

export const LAYERS: Readonly<Record<string, OperatorWriter>> = {
  conv2d,
  convTranspose2d,
  maxPool2d,
  avgPool2d,
  adaptiveAvgPool2d: writeAdaptivePool,
  matmul: (s) => s.nodes.node("MatMul", [s.x(0), s.x(1)]),
  linear,
  batchNorm,
  layerNorm,
  groupNorm,
  normalize,
  softmax: softmax("Softmax"),
  logSoftmax: softmax("LogSoftmax"),
  causalSoftmax,
};
