import { DataError, formatShape } from "../../errors.ts";
import type { Call, NodeView } from "../operator.ts";
import { range } from "./operands.ts";

/**
 * How a kernel moves over an input, by dimension (sequences have one, images two, volumes three).
 */
export interface KernelWindow {
  kernel: readonly number[];
  stride: readonly number[];
  dilation: readonly number[];
  /** Elements before and after the input; negative ones remove elements. */
  begin: readonly number[];
  end: readonly number[];
}

const AUTO_PAD = ["NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"];

/** The attributes of a window. */
export const WINDOW_ATTRIBUTES = ["auto_pad", "dilations", "kernel_shape", "pads", "strides"];

/** Why a node's windows are not understood, or null. */
export function refuseWindow(node: NodeView): string | null {
  const kind = node.attributes.string("auto_pad", "NOTSET");
  return AUTO_PAD.includes(kind) ? null : `auto_pad ${kind}`;
}

/** A list attribute with one item for each dimension. */
export function listAttribute(call: Call, name: string, count: number, fallback: number): readonly number[] {
  const list = call.attributes.ints(name) ?? Array<number>(count).fill(fallback);
  if (list.length === count) return list;
  throw new DataError(`${call.opType} ${call.name}: ${name} expected ${count} integers, got [${list}]`);
}

/** Splits padding between the two sides; an odd element comes first, or last. */
export function splitPadding(total: number, oddFirst: boolean): [begin: number, end: number] {
  const smaller = Math.floor(total / 2);
  return oddFirst ? [total - smaller, smaller] : [smaller, total - smaller];
}

/** The extent of a kernel with its gaps. */
export function extentOf(kernel: number, dilation: number): number {
  return (kernel - 1) * dilation + 1;
}

/** Reads the windows of a node over an input of the shape [N,C,...]. */
export function readWindow(call: Call, shape: readonly number[], weightShape?: readonly number[]): KernelWindow {
  const size = shape.slice(2);
  const rank = size.length;
  if (rank < 1 || rank > 3) {
    throw new DataError(`${call.opType} ${call.name}: expected 3 to 5 dimensions, got ${formatShape(shape)}`);
  }
  const kernel = weightShape?.slice(2) ?? listAttribute(call, "kernel_shape", rank, 1);
  if (kernel.length !== rank) {
    throw new DataError(`${call.opType} ${call.name}: a kernel [${kernel}] for an input ${formatShape(shape)}`);
  }
  const stride = listAttribute(call, "strides", rank, 1);
  const dilation = listAttribute(call, "dilations", rank, 1);
  const auto = call.attributes.string("auto_pad", "NOTSET");
  if (!auto.startsWith("SAME")) {
    const pads = auto === "VALID" ? Array<number>(2 * rank).fill(0) : listAttribute(call, "pads", 2 * rank, 0);
    return { kernel, stride, dilation, begin: pads.slice(0, rank), end: pads.slice(rank) };
  }
  const sides = range(rank).map((d) => {
    const windows = Math.ceil(size[d] / stride[d]);
    const total = (windows - 1) * stride[d] + extentOf(kernel[d], dilation[d]) - size[d];
    return splitPadding(Math.max(0, total), auto === "SAME_LOWER");
  });
  return { kernel, stride, dilation, begin: sides.map(([first]) => first), end: sides.map(([, last]) => last) };
}

/** Amounts before and after each of the last dimensions, in the order of the library's `pad`. */
export function paddingOf(begin: readonly number[], end: readonly number[]): number[] {
  return range(begin.length)
    .reverse()
    .flatMap((d) => [begin[d], end[d]]);
}

/** Whether both sides are padded alike, and nothing is removed. */
export function isSymmetric({ begin, end }: KernelWindow): boolean {
  return begin.every((length, d) => length === end[d] && length >= 0);
}
