import { describe } from "../checks.ts";
import { DTypeError, formatShape, OptionError, ShapeError } from "../errors.ts";
import { intArray, sizeOf, stridesOf } from "../ops/core/array.ts";
import { broadcastShapes } from "../ops/core/broadcast.ts";
import { isUnknown } from "../ops/core/recorder.ts";
import { arange } from "../ops/elementwise/fill.ts";
import { Nonzero } from "../ops/movement/masked.ts";
import type { Region } from "../ops/movement/strided.ts";
import { View } from "../ops/movement/view.ts";
import { apply, constant, isTensor } from "./apply.ts";
import type { Tensor } from "./tensor.ts";

type Bound = number | "";

/** A slice as Python writes it: ":", "1:", ":-1", "::2", "5:1:-1". */
export type SliceText = `${Bound}:${Bound}` | `${Bound}:${Bound}:${Bound}`;

/**
 * One part of an index: a position (which removes the dimension), a slice, a list of positions or an int32
 * tensor of them, a bool tensor (a mask), `null` (a new dimension of length 1), or "..." (all dimensions
 * between).
 */
export type IndexItem = number | SliceText | "..." | null | readonly number[] | Tensor;

/** A list of positions along a dimension of the region. */
interface Advanced {
  dim: number;
  index: Tensor;
}

interface Plan {
  region: Region;
  advanced: Advanced[];
  /** Whether the lists are in neighbouring parts of the index. */
  adjacent: boolean;
}

const SLICE = /^(-?\d*):(-?\d*)(?::(-?\d*))?$/;

/** The dimensions that a part stands for. */
function dimsOf(item: IndexItem): number {
  if (item === null || item === "...") return 0;
  return isTensor(item) && item.dtype === "bool" ? item.dim() : 1;
}

/** The positions of a slice, as Python computes them: first, step and count. */
function readSlice(op: string, text: string, length: number): [first: number, step: number, count: number] {
  const parts = SLICE.exec(text);
  const invalid = () =>
    new OptionError(`${op}: a slice expected "start:end" or "start:end:step", got ${describe(text)}`);
  if (!parts || parts.includes("-")) throw invalid();
  const [, start, end, stepText] = parts;
  const step = stepText ? Number(stepText) : 1;
  if (step === 0) throw new OptionError(`${op}: the step of a slice expected a number other than 0, got "${text}"`);
  const [least, most] = step > 0 ? [0, length] : [-1, length - 1];
  const clamp = (bound: string, otherwise: number) => {
    if (bound === "") return otherwise;
    const place = Number(bound) < 0 ? Number(bound) + length : Number(bound);
    return Math.min(Math.max(place, least), most);
  };
  const first = clamp(start, step > 0 ? least : most);
  const last = clamp(end, step > 0 ? most : least);
  return [first, step, Math.max(0, Math.ceil((last - first) / step))];
}

/** Replaces "..." by slices of all dimensions that no other part stands for. */
function expandEllipsis(op: string, shape: readonly number[], items: readonly IndexItem[]): IndexItem[] {
  const used = items.reduce<number>((sum, item) => sum + dimsOf(item), 0);
  const missing = shape.length - used;
  if (missing < 0 || items.filter((item) => item === "...").length > 1) {
    throw new OptionError(`${op}: ${used} dimensions are indexed in ${formatShape(shape)}; "..." is allowed once`);
  }
  const all = new Array<IndexItem>(missing).fill(":");
  const place = items.indexOf("...");
  return place < 0 ? [...items, ...all] : [...items.slice(0, place), ...all, ...items.slice(place + 1)];
}

/** Positions below 0 count from the end. */
const fromStart = (index: Tensor, length: number) => index.add(length).where(index.lt(0), index);

/** Reads an index of an array of `shape`. */
function makePlan(op: string, shape: readonly number[], given: readonly IndexItem[]): Plan {
  const items = expandEllipsis(op, shape, given);
  const strides = stridesOf(shape);
  const region = { offset: 0, shape: [] as number[], strides: [] as number[] };
  const advanced: Advanced[] = [];
  const places: number[] = [];
  let d = 0;
  const keep = (length: number, stride: number) => region.strides.push(stride) && region.shape.push(length);
  const list = (index: Tensor) => {
    advanced.push({ dim: region.shape.length, index: fromStart(index, shape[d]) });
    keep(shape[d], strides[d++]);
  };
  let numbers = 0;
  items.forEach((item, i) => {
    if (item === null) keep(1, 0);
    else if (typeof item === "number") {
      if (!Number.isInteger(item) || item < -shape[d] || item >= shape[d]) {
        throw new OptionError(`${op}: position ${item} is out of range for dim ${d} of ${formatShape(shape)}`);
      }
      region.offset += (item < 0 ? item + shape[d] : item) * strides[d++];
      numbers++;
    } else if (typeof item === "string") {
      const [first, step, count] = readSlice(op, item, shape[d]);
      if (count > 0) region.offset += first * strides[d];
      keep(count, step * strides[d++]);
    } else if (Array.isArray(item)) {
      for (const position of item) {
        if (!Number.isInteger(position))
          throw new OptionError(`${op}: a list expected integers, got ${describe(item)}`);
      }
      places.push(i - numbers);
      list(constant(() => intArray(item)));
    } else if (isTensor(item)) {
      places.push(i - numbers);
      if (item.dtype === "float32") {
        throw new DTypeError(`${op}: an index expected int32 or bool, got float32; use .int() or a comparison`);
      }
      if (item.dtype === "int32") list(item);
      else maskLists(op, shape, d, item).forEach(list);
    } else {
      throw new OptionError(
        `${op}: expected numbers, slices like "1:3", lists, tensors, null or "...", got ${describe(item)}`,
      );
    }
  });
  const adjacent = places.every((place, i) => i === 0 || place === places[i - 1] + 1);
  return { region, advanced, adjacent };
}

/** The positions of a mask, a list for each of its dimensions. */
function maskLists(op: string, shape: readonly number[], d: number, mask: Tensor): Tensor[] {
  if (mask.dim() === 0 || mask.shape.some((length, i) => length !== shape[d + i])) {
    throw new ShapeError(
      `${op}: a mask ${formatShape(mask.shape)} does not fit ${formatShape(shape)} from dim ${d} on`,
    );
  }
  return apply(new Nonzero(), mask).unbind(1);
}

/** `x[items]` */
export function readIndex(op: string, x: Tensor, items: readonly IndexItem[]): Tensor {
  const { region, advanced, adjacent } = makePlan(op, x.shape, items);
  const text = items.map((item) => (isTensor(item) ? describe(item) : item));
  const y = apply(new View("at", { index: text }, () => region), x);
  if (advanced.length === 0) return y;
  const shape = broadcastShapes(op, ...advanced.map(({ index }) => index.shape));
  const listed = advanced.map(({ dim }) => dim);
  const others = y.shape.map((_, d) => d).filter((d) => !listed.includes(d));
  const first = adjacent ? listed[0] : 0;
  if (advanced.length === 1) {
    const rows = y.indexSelect(listed[0], advanced[0].index.flatten());
    return rows.reshape([...y.shape.slice(0, listed[0]), ...shape, ...y.shape.slice(listed[0] + 1)]).movedim(
      shape.map((_, i) => listed[0] + i),
      shape.map((_, i) => first + i),
    );
  }
  // one list of positions in the product of the listed dimensions
  const lengths = listed.map((d) => y.shape[d]);
  const strides = stridesOf(lengths);
  for (const [k, { index }] of advanced.entries()) {
    const { min, max } = index.numel() > 0 ? index.aminmax() : { min: null, max: null };
    if (min && max && !isUnknown(index.array) && !(min.ge(0).logicalAnd(max.lt(lengths[k])).all().item() === 1)) {
      throw new OptionError(`${op}: a position is out of range [0, ${lengths[k] - 1}] in ${formatShape(x.shape)}`);
    }
  }
  const position = advanced
    .map(({ index }, k) => index.mul(strides[k]))
    .reduce((sum, part) => sum.add(part))
    .expand(shape)
    .flatten();
  const rest = others.map((d) => y.shape[d]);
  const rows = y
    .permute([...listed, ...others])
    .reshape([sizeOf(lengths), ...rest])
    .indexSelect(0, position);
  const result = rows.reshape([...shape, ...rest]);
  return result.movedim(
    shape.map((_, i) => i),
    shape.map((_, i) => first + i),
  );
}

/** x with `value` at `items`, or with `value` added there. */
export function writeIndex(
  op: string,
  x: Tensor,
  items: readonly IndexItem[],
  value: Tensor | number,
  accumulate: boolean,
): Tensor {
  // the positions of the chosen elements in the flattened tensor
  const chosen = readIndex(op, constant(() => arange(0, 1, x.numel(), "int32")).reshape(x.shape), items);
  const index = chosen.flatten();
  const flat = x.flatten();
  const values =
    typeof value === "number"
      ? flat.indexSelect(0, index).detach().mul(0).add(value).to(x.dtype)
      : value.expand(chosen.shape).flatten();
  const written = accumulate ? flat.scatterAdd(0, index, values) : flat.scatter(0, index, values);
  return written.reshape(x.shape);
}
