/** The layers of the inpainting autoencoder, and their work. */
import { nn, randn, type Tensor } from "wasmgrad";
import type { Sum } from "./check.ts";

export interface ConvLayer {
  name: string;
  transposed: boolean;
  /** Channels and side of the input image, channels of the output, side of the kernel. */
  channels: number;
  side: number;
  filters: number;
  kernel: number;
  stride: number;
  padding: number;
}

export const convLayers: ConvLayer[] = [
  {
    name: "conv 3->64, 3x3 on 32x32",
    transposed: false,
    channels: 3,
    side: 32,
    filters: 64,
    kernel: 3,
    stride: 1,
    padding: 1,
  },
  {
    name: "conv 64->128, 3x3 on 16x16",
    transposed: false,
    channels: 64,
    side: 16,
    filters: 128,
    kernel: 3,
    stride: 1,
    padding: 1,
  },
  {
    name: "convT 128->64, 2x2 s2 on 8x8",
    transposed: true,
    channels: 128,
    side: 8,
    filters: 64,
    kernel: 2,
    stride: 2,
    padding: 0,
  },
  {
    name: "convT 64->3, 2x2 s2 on 16x16",
    transposed: true,
    channels: 64,
    side: 16,
    filters: 3,
    kernel: 2,
    stride: 2,
    padding: 0,
  },
  {
    name: "conv 5->7, 3x3 on 13x13 (odd)",
    transposed: false,
    channels: 5,
    side: 13,
    filters: 7,
    kernel: 3,
    stride: 1,
    padding: 1,
  },
];

export function shapesOf(layer: ConvLayer, batch: number) {
  const { transposed, channels, side, filters, kernel } = layer;
  return {
    input: [batch, channels, side, side],
    weight: transposed ? [channels, filters, kernel, kernel] : [filters, channels, kernel, kernel],
    bias: [filters],
  };
}

export function forward(layer: ConvLayer, input: Tensor, weight: Tensor, bias: Tensor): Tensor {
  const { stride, padding } = layer;
  const run = layer.transposed ? nn.functional.convTranspose2d : nn.functional.conv2d;
  return run(input, weight, bias, { stride, padding });
}

/** A single gradient, of operand `which`: the others do not require one. */
export function backwardOf(layer: ConvLayer, operands: readonly Tensor[], which: number): () => void {
  const leaves = operands.map((operand, i) => {
    const leaf = operand.detach();
    leaf.requiresGrad = i === which;
    return leaf;
  });
  const output = forward(layer, ...(leaves as [Tensor, Tensor, Tensor]));
  const gradient = randn(output.shape);
  return () => {
    leaves[which].grad = null;
    output.backward(gradient, { retainGraph: true });
  };
}

/** Floating-point operations of one pass: a multiplication and an addition for each tap of each output. */
export function flopsOf({ transposed, channels, side, filters, kernel, stride, padding }: ConvLayer, batch: number) {
  const out = (side + 2 * padding - kernel) / stride + 1;
  const positions = transposed ? side * side : out * out;
  return 2 * batch * positions * channels * filters * kernel * kernel;
}

/** One element of the output, computed from the definition. */
export function outputElement(
  layer: ConvLayer,
  [input, weight, bias]: readonly ArrayLike<number>[],
  [n, f, y, x]: readonly number[],
): Sum {
  const { transposed, channels, side, filters, kernel, stride, padding } = layer;
  let sum = bias[f];
  let squares = sum ** 2;
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < kernel; i++) {
      for (let j = 0; j < kernel; j++) {
        const row = transposed ? (y + padding - i) / stride : y * stride - padding + i;
        const column = transposed ? (x + padding - j) / stride : x * stride - padding + j;
        if (!Number.isInteger(row) || !Number.isInteger(column)) continue;
        if (row < 0 || row >= side || column < 0 || column >= side) continue;
        const tap = transposed ? (c * filters + f) * kernel + i : (f * channels + c) * kernel + i;
        const term = input[((n * channels + c) * side + row) * side + column] * weight[tap * kernel + j];
        sum += term;
        squares += term ** 2;
      }
    }
  }
  return { sum, size: Math.sqrt(squares) };
}
