import { DataError } from "../../errors.ts";
import { conv2d, conv3d, convTranspose2d, convTranspose3d, pad } from "../../nn/functional/index.ts";
import type { Tensor } from "../../tensor/tensor.ts";
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
  splitPadding,
  WINDOW_ATTRIBUTES,
} from "./window.ts";

/** Turns a list for a sequence into a list for images of height 1. */
const asImage = (list: readonly number[], across: number) => (list.length === 1 ? [across, list[0]] : list);

/** Computes a sequence as an image of height 1. */
function inImages(x: Tensor, weight: Tensor, f: (x: Tensor, weight: Tensor) => Tensor): Tensor {
  return x.dim() === 3 ? f(x.unsqueeze(2), weight.unsqueeze(2)).squeeze(2) : f(x, weight);
}

/** A convolution with the same padding on both sides. */
function convolve(x: Tensor, weight: Tensor, bias: Tensor | null, window: KernelWindow, groups: number): Tensor {
  const options = {
    stride: asImage(window.stride, 1),
    padding: asImage(window.begin, 0),
    dilation: asImage(window.dilation, 1),
    groups,
  };
  if (x.dim() === 5) return conv3d(x, weight, bias, options);
  return inImages(x, weight, (images, kernels) => conv2d(images, kernels, bias, options));
}

function convolution(call: Call): Tensor {
  const [x, weight, bias] = [call.float(0), call.float(1), call.optionalTensor(2)];
  const window = readWindow(call, x.shape, weight.shape);
  const groups = call.attributes.int("group", 1);
  if (isSymmetric(window)) return convolve(x, weight, bias, window, groups);
  const none = window.begin.map(() => 0);
  const padded = pad(x, paddingOf(window.begin, window.end));
  return convolve(padded, weight, bias, { ...window, begin: none, end: none }, groups);
}

/**
 * The window of a transposed convolution: `begin` and `end` are removed from the result, `extra` is added.
 */
function readTransposed(call: Call, x: Tensor, weight: Tensor): KernelWindow & { extra: readonly number[] } {
  const { attributes } = call;
  const size = x.shape.slice(2);
  const rank = size.length;
  const auto = attributes.string("auto_pad", "NOTSET");
  const extra = listAttribute(call, "output_padding", rank, 0);
  const window = readWindow(call, x.shape, weight.shape);
  // the shape of the batch and the channels may be given as well
  const shape = attributes.ints("output_shape")?.slice(-rank);
  if (!shape && !auto.startsWith("SAME")) return { ...window, extra };
  const { kernel, stride, dilation } = window;
  const sides = range(rank).map((d) => {
    const whole = stride[d] * (size[d] - 1) + extra[d] + extentOf(kernel[d], dilation[d]);
    const total = whole - (shape?.[d] ?? size[d] * stride[d]);
    // a result that is larger than the windows reach gets zeros at the end
    return total < 0 ? [0, total] : splitPadding(total, auto !== "SAME_UPPER");
  });
  return { ...window, begin: sides.map(([first]) => first), end: sides.map(([, last]) => last), extra };
}

function transposedConvolution(call: Call): Tensor {
  const [x, weight, bias] = [call.float(0), call.float(1), call.optionalTensor(2)];
  const window = readTransposed(call, x, weight);
  const { stride, dilation, begin, end, extra } = window;
  const groups = call.attributes.int("group", 1);
  const plain = isSymmetric(window) && extra.every((length, d) => length < Math.max(stride[d], dilation[d]));
  const options = {
    stride: asImage(stride, 1),
    padding: plain ? asImage(begin, 0) : 0,
    outputPadding: plain ? asImage(extra, 0) : 0,
    dilation: asImage(dilation, 1),
    groups,
  };
  const transposed = (given: Tensor | null) => {
    if (x.dim() === 5) return convTranspose3d(x, weight, given, options);
    return inImages(x, weight, (images, kernels) => convTranspose2d(images, kernels, given, options));
  };
  if (plain) return transposed(bias);
  // the bias is also added where no window reaches
  const y = pad(
    transposed(null),
    paddingOf(
      begin.map((length) => -length),
      end.map((length, d) => extra[d] - length),
    ),
  );
  return bias ? y.add(bias.reshape([-1, ...stride.map(() => 1)])) : y;
}

/** Convolutions over sequences, images and volumes. */
export const CONVOLUTION: OperatorTable = {
  Conv: {
    attributes: [...WINDOW_ATTRIBUTES, "group"],
    weights: { all: [1, 2] },
    refuse: refuseWindow,
    run: convolution,
  },
  ConvTranspose: {
    attributes: [...WINDOW_ATTRIBUTES, "group", "output_padding", "output_shape"],
    weights: { all: [1, 2] },
    refuse: refuseWindow,
    run: transposedConvolution,
  },
  DeformConv: {
    attributes: [...WINDOW_ATTRIBUTES, "group", "offset_group"],
    refuse: () => "deformable convolutions have no kernel",
    run(call) {
      throw new DataError(`${call.opType} ${call.name}: deformable convolutions have no kernel`);
    },
  },
};
