/** The image, the kernel and the sizes that the drawings of convolutions share. */
import { nn, scope, tensor } from "wasmgrad";

export interface ConvolutionSizes {
  /** Height and width of the image. */
  size: number;
  /** Height and width of the kernel. */
  kernel: number;
  stride: number;
  padding: number;
  dilation: number;
}

/** Height and width of the result; below 1 if the kernel does not fit into the image. */
export function outputSize({ size, kernel, stride, padding, dilation }: ConvolutionSizes): number {
  return Math.floor((size + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1;
}

/** An image with a bright diagonal, and single-digit numbers. */
export function exampleImage(size: number): number[][] {
  return Array.from({ length: size }, (_, y) => Array.from({ length: size }, (_, x) => ((7 * y + 3 * x) % 9) + 1));
}

export function exampleKernel(size: number): number[][] {
  return Array.from({ length: size }, (_, y) => Array.from({ length: size }, (_, x) => ((y + 2 * x) % 3) - 1));
}

/** The library's convolution of one image by one kernel. */
export function convolve(image: number[][], kernel: number[][], sizes: ConvolutionSizes): number[][] {
  const { stride, padding, dilation } = sizes;
  return scope(() => {
    const x = tensor([[image]]);
    const out = nn.functional.conv2d(x, tensor([[kernel]]), null, { stride, padding, dilation });
    return (out.toArray() as number[][][][])[0][0];
  });
}

/** One product of a sum: a tap of the kernel, and the pixel of the image that it reads. */
export interface Term {
  tap: [row: number, column: number];
  pixel: [row: number, column: number];
  /** Whether the pixel lies in the padding, where all numbers are 0. */
  outside: boolean;
}

/** The products whose sum is the output at a row and column. */
export function termsOf(sizes: ConvolutionSizes, row: number, column: number): Term[] {
  const { size, kernel, stride, padding, dilation } = sizes;
  return Array.from({ length: kernel * kernel }, (_, t) => {
    const tap: [number, number] = [Math.floor(t / kernel), t % kernel];
    const pixel: [number, number] = [
      row * stride + tap[0] * dilation - padding,
      column * stride + tap[1] * dilation - padding,
    ];
    return { tap, pixel, outside: pixel.some((at) => at < 0 || at >= size) };
  });
}
