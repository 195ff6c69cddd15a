import { checkInteger, describe, readOptions } from "../../checks.ts";
import { formatShape, OptionError, ShapeError } from "../../errors.ts";
import { expectTensor } from "../../tensor/apply.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { conv2d, convTranspose2d } from "./conv.ts";

export interface Conv1dOptions {
  /** Step of the window. Default 1. */
  stride?: number;
  /** Number of zeros on each side (default 0), "valid" (0) or "same" (keeps the length; stride 1 only). */
  padding?: number | "same" | "valid";
  /** Distance between the kernel's taps. Default 1. */
  dilation?: number;
  /** Groups of channels that are convolved separately. Default 1. */
  groups?: number;
}

export interface ConvTranspose1dOptions extends Omit<Conv1dOptions, "padding"> {
  /** Elements removed from each side of the result. Default 0. */
  padding?: number;
  /** Extra elements at the end. Default 0. */
  outputPadding?: number;
}

/** One length as the size of a row: [1, length] or, for steps, [1, step]. */
const inRow = (op: string, name: string, value: number, least: number, across: number): [number, number] => {
  if (Array.isArray(value)) {
    if ((value as number[]).length === 1) return [across, checkInteger(op, name, value[0], least)];
    throw new OptionError(`${op}: ${name} expected an integer, got ${describe(value)}`);
  }
  return [across, checkInteger(op, name, value, least)];
};

/** The options of a convolution of rows: images of height 1. */
function rowOptions(op: string, { stride, padding, dilation, groups }: Required<Conv1dOptions>) {
  return {
    stride: inRow(op, "stride", stride, 1, 1),
    padding: typeof padding === "string" ? padding : inRow(op, "padding", padding, 0, 0),
    dilation: inRow(op, "dilation", dilation, 1, 1),
    groups,
  };
}

function expectRows(op: string, x: Tensor, weight: Tensor): void {
  expectTensor(op, "x", x);
  expectTensor(op, "weight", weight);
  if ((x.dim() === 2 || x.dim() === 3) && weight.dim() === 3) return;
  const shapes = `${formatShape(x.shape)}, weight ${formatShape(weight.shape)}`;
  throw new ShapeError(`${op}: expected [N,C,L] or [C,L] and a weight of three dimensions, got ${shapes}`);
}

/**
 * 1-D convolution (cross-correlation) of x [N,Ci,L] or [Ci,L] with weight [Co,Ci/groups,K], computed as a 2-D
 * convolution of images of height 1. Matches `torch.nn.functional.conv1d`.
 *
 * @param options `stride` 1, `padding` 0 (or "same", "valid"), `dilation` 1, `groups` 1
 * @throws ShapeError, OptionError
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * const [x, weight] = [tensor([[1, 2, 3, 4]]), tensor([[[1, -1]]])];
 * console.log(nn.functional.conv1d(x, weight).toArray()); // [[-1, -1, -1]]
 * ```
 */
export function conv1d(x: Tensor, weight: Tensor, bias: Tensor | null = null, options?: Conv1dOptions): Tensor {
  const op = "conv1d";
  const defaults: Required<Conv1dOptions> = { stride: 1, padding: 0, dilation: 1, groups: 1 };
  const read = rowOptions(op, readOptions(op, options, defaults));
  expectRows(op, x, weight);
  return conv2d(x.unsqueeze(-2), weight.unsqueeze(-2), bias, read).squeeze(-2);
}

/**
 * 1-D transposed convolution of x [N,Ci,L] or [Ci,L] with weight [Ci,Co/groups,K]. Matches
 * `torch.nn.functional.conv_transpose1d`.
 *
 * @param options `stride` 1, `padding` 0, `outputPadding` 0, `dilation` 1, `groups` 1
 * @throws ShapeError, OptionError
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * const [x, weight] = [tensor([[1, 2]]), tensor([[[1, 1]]])];
 * console.log(nn.functional.convTranspose1d(x, weight, null, { stride: 2 }).toArray()); // [[1, 1, 2, 2]]
 * ```
 */
export function convTranspose1d(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null = null,
  options?: ConvTranspose1dOptions,
): Tensor {
  const op = "convTranspose1d";
  const defaults: Required<ConvTranspose1dOptions> = {
    stride: 1,
    padding: 0,
    outputPadding: 0,
    dilation: 1,
    groups: 1,
  };
  const { outputPadding, ...rest } = readOptions(op, options, defaults);
  if (typeof rest.padding === "string")
    throw new OptionError(`${op}: padding expected an integer, got ${rest.padding}`);
  const { padding, ...window } = rowOptions(op, rest);
  const extra = inRow(op, "outputPadding", outputPadding, 0, 0);
  expectRows(op, x, weight);
  const read = { ...window, padding: padding as [number, number], outputPadding: extra };
  return convTranspose2d(x.unsqueeze(-2), weight.unsqueeze(-2), bias, read).squeeze(-2);
}
