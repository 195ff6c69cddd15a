import { checkInteger, describe, readOptions } from "../../checks.ts";
import { formatShape, OptionError, ShapeError } from "../../errors.ts";
import { expectTensor } from "../../tensor/apply.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { conv2d, convTranspose2d } from "./conv.ts";
import { pad } from "./pad.ts";

/** An integer or [depth, height, width]. */
export type Triple = number | readonly number[];

export interface Conv3dOptions {
  /** Step of the window. Default 1. */
  stride?: Triple;
  /** Number of zeros on each side. Default 0. */
  padding?: Triple;
  /** Distance between the kernel's taps. Default 1. */
  dilation?: Triple;
  /** Groups of channels that are convolved separately. Default 1. */
  groups?: number;
}

export interface ConvTranspose3dOptions extends Conv3dOptions {
  /** Extra planes, rows and columns at the end. Default 0. */
  outputPadding?: Triple;
}

/** Checks one integer, or three. */
export function checkTriple(op: string, name: string, value: Triple, least: number): [number, number, number] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value, value, value];
  if (list.length !== 3) throw new OptionError(`${op}: ${name} expected an integer or three, got ${describe(value)}`);
  return list.map((item) => checkInteger(op, name, item, least)) as [number, number, number];
}

/** The checked options of a 3-D convolution. */
export function readVolume(op: string, options: Conv3dOptions | undefined) {
  const defaults: Required<Conv3dOptions> = { stride: 1, padding: 0, dilation: 1, groups: 1 };
  const read = readOptions(op, options, defaults);
  return {
    stride: checkTriple(op, "stride", read.stride, 1),
    padding: checkTriple(op, "padding", read.padding, 0),
    dilation: checkTriple(op, "dilation", read.dilation, 1),
    groups: checkInteger(op, "groups", read.groups, 1),
  };
}

function expectVolumes(op: string, x: Tensor, weight: Tensor, bias: Tensor | null): void {
  expectTensor(op, "x", x);
  expectTensor(op, "weight", weight);
  if (bias !== null) expectTensor(op, "bias", bias);
  if ((x.dim() === 4 || x.dim() === 5) && weight.dim() === 5) return;
  const shapes = `${formatShape(x.shape)}, weight ${formatShape(weight.shape)}`;
  throw new ShapeError(`${op}: expected [N,C,D,H,W] or [C,D,H,W] and a weight of five dimensions, got ${shapes}`);
}

/** The options of each plane's 2-D convolution. */
const planeOptions = ({ stride, padding, dilation, groups }: ReturnType<typeof readVolume>) => ({
  stride: stride.slice(1),
  padding: padding.slice(1),
  dilation: dilation.slice(1),
  groups,
});

/**
 * 3-D convolution (cross-correlation) of x [N,Ci,D,H,W] or [Ci,D,H,W] with weight [Co,Ci/groups,KD,KH,KW]:
 * for each plane of the kernel a 2-D convolution of all planes, added up. Matches
 * `torch.nn.functional.conv3d`.
 *
 * @param options `stride` 1, `padding` 0, `dilation` 1 (each an integer or three), `groups` 1
 * @throws ShapeError, OptionError
 * @example
 * ```ts
 * import { nn, ones } from "wasmgrad";
 * console.log(nn.functional.conv3d(ones([1, 1, 4, 4, 4]), ones([2, 1, 3, 3, 3])).shape); // [1, 2, 2, 2, 2]
 * ```
 */
export function conv3d(x: Tensor, weight: Tensor, bias: Tensor | null = null, options?: Conv3dOptions): Tensor {
  const op = "conv3d";
  const window = readVolume(op, options);
  expectVolumes(op, x, weight, bias);
  if (x.dim() === 4) return conv3d(x.unsqueeze(0), weight, bias, options).squeeze(0);
  const [stride, padding, dilation] = [window.stride[0], window.padding[0], window.dilation[0]];
  const kernel = weight.shape[2];
  const frames = pad(x, [0, 0, 0, 0, padding, padding]).permute([0, 2, 1, 3, 4]);
  const [batch, planes, ...image] = frames.shape;
  const depth = Math.floor((planes - dilation * (kernel - 1) - 1) / stride) + 1;
  if (depth < 1) {
    throw new ShapeError(
      `${op}: the kernel ${formatShape(weight.shape)} is deeper than the input ${formatShape(x.shape)}`,
    );
  }
  let sum: Tensor | undefined;
  for (let k = 0; k < kernel; k++) {
    const start = k * dilation;
    const used = frames.slice(1, start, start + (depth - 1) * stride + 1, stride);
    // the bias is added once
    const part = conv2d(
      used.reshape([batch * depth, ...image]),
      weight.select(2, k),
      k ? null : bias,
      planeOptions(window),
    );
    sum = sum ? sum.add(part) : part;
  }
  const [channels, height, width] = (sum as Tensor).shape.slice(1);
  return (sum as Tensor).reshape([batch, depth, channels, height, width]).permute([0, 2, 1, 3, 4]);
}

/**
 * 3-D transposed convolution of x [N,Ci,D,H,W] or [Ci,D,H,W] with weight [Ci,Co/groups,KD,KH,KW]. Matches
 * `torch.nn.functional.conv_transpose3d`.
 *
 * @param options `stride` 1, `padding` 0, `outputPadding` 0, `dilation` 1 (each an integer or three),
 *   `groups` 1
 * @throws ShapeError, OptionError
 * @example
 * ```ts
 * import { nn, ones } from "wasmgrad";
 * const y = nn.functional.convTranspose3d(ones([1, 1, 2, 2, 2]), ones([1, 3, 2, 2, 2]), null, { stride: 2 });
 * console.log(y.shape); // [1, 3, 4, 4, 4]
 * ```
 */
export function convTranspose3d(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null = null,
  options?: ConvTranspose3dOptions,
): Tensor {
  const op = "convTranspose3d";
  const defaults: Required<ConvTranspose3dOptions> = {
    stride: 1,
    padding: 0,
    outputPadding: 0,
    dilation: 1,
    groups: 1,
  };
  const { outputPadding, ...rest } = readOptions(op, options, defaults);
  const window = readVolume(op, rest);
  const extra = checkTriple(op, "outputPadding", outputPadding, 0);
  expectVolumes(op, x, weight, bias);
  if (x.dim() === 4) return convTranspose3d(x.unsqueeze(0), weight, bias, options).squeeze(0);
  const [stride, padding, dilation] = [window.stride[0], window.padding[0], window.dilation[0]];
  const kernel = weight.shape[2];
  const frames = x.permute([0, 2, 1, 3, 4]);
  const [batch, planes, ...image] = frames.shape;
  const depth = (planes - 1) * stride + dilation * (kernel - 1) + 1;
  const flat = frames.reshape([batch * planes, ...image]);
  let sum: Tensor | undefined;
  for (let k = 0; k < kernel; k++) {
    const plane = { ...planeOptions(window), outputPadding: extra.slice(1) };
    const part = convTranspose2d(flat, weight.select(2, k), null, plane);
    const [channels, height, width] = part.shape.slice(1);
    // planes at distance `stride`, with zeros between, after k · dilation planes of zeros
    const apart = pad(part.reshape([batch, planes, 1, channels, height, width]), [0, 0, 0, 0, 0, 0, 0, stride - 1]);
    const rows = apart
      .reshape([batch, planes * stride, channels, height, width])
      .narrow(1, 0, (planes - 1) * stride + 1);
    const before = k * dilation;
    const placed = pad(rows, [0, 0, 0, 0, 0, 0, before, depth - rows.shape[1] - before]);
    sum = sum ? sum.add(placed) : placed;
  }
  const y = pad((sum as Tensor).permute([0, 2, 1, 3, 4]), [0, 0, 0, 0, -padding, extra[0] - padding]);
  return bias ? y.add(bias.reshape([-1, 1, 1, 1])) : y;
}
