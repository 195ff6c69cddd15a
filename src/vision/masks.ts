import { checkBoolean, checkInteger, checkNumber, checkPair, type Pair, readOptions } from "../checks.ts";
import { OptionError, ShapeError } from "../errors.ts";
import { checkShape } from "../ops/core/array.ts";
import { atLeastMask, blocksMask } from "../ops/image/masks.ts";
import { tensor } from "../tensor/creation.ts";
import type { Generator } from "../tensor/generator.ts";
import { leaf } from "../tensor/leaf.ts";
import { scope } from "../tensor/lifetime/scoped.ts";
import { rand, randint } from "../tensor/random.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** The shape of the masked images: [N,C,H,W], or one image [C,H,W]. */
export type ImageShape = readonly number[];

interface Dimensions {
  n: number;
  c: number;
  h: number;
  w: number;
}

function readShape(op: string, shape: ImageShape): Dimensions {
  checkShape(op, shape);
  if (shape.length !== 3 && shape.length !== 4) {
    throw new ShapeError(`${op}: shape expected [N,C,H,W] or [C,H,W], got [${shape.join(",")}]`);
  }
  const [n, c, h, w] = shape.length === 4 ? shape : [1, ...shape];
  return { n, c, h, w };
}

function checkBlock(op: string, size: Pair | undefined, { h, w }: Dimensions): [number, number] {
  if (size === undefined) throw new OptionError(`${op}: size expected the side of the block, got undefined`);
  const [height, width] = checkPair(op, "size", size, 1);
  if (height > h || width > w) {
    throw new OptionError(`${op}: size expected at most the image's ${h} x ${w}, got ${height} x ${width}`);
  }
  return [height, width];
}

/**
 * Hides single pixels at random: each is 0 with probability `ratio`, otherwise 1 (kept). Returns a bool
 * tensor of the given shape, by which images can be multiplied.
 *
 * @param options `ratio` (default 0.5); `perChannel` (default true): the channels of a pixel are hidden
 *   independently, as by `rand(shape).gt(0.5)`; false: whole pixels are hidden; `generator`.
 * @throws ShapeError, OptionError
 * @example
 * ```ts
 * import { masks } from "wasmgrad/vision";
 * const mask = masks.randomPixels([8, 3, 32, 32], { ratio: 0.5, perChannel: false });
 * console.log(mask.dtype, mask.shape); // bool [8, 3, 32, 32]
 * ```
 */
export function randomPixels(
  shape: ImageShape,
  options?: { ratio?: number; perChannel?: boolean; generator?: Generator },
): Tensor {
  const op = "randomPixels";
  const { n, c, h, w } = readShape(op, shape);
  const given = readOptions(op, options, {
    ratio: 0.5,
    perChannel: true,
    generator: undefined as Generator | undefined,
  });
  const ratio = checkNumber(op, "ratio", given.ratio, 0, 1);
  const perChannel = checkBoolean(op, "perChannel", given.perChannel);
  return scope(() => {
    const u = rand([n, perChannel ? c : 1, h, w], { generator: given.generator }).array;
    return leaf(() => atLeastMask(u, ratio, shape));
  });
}

/**
 * Hides a block in the middle: 0 inside the block, 1 (kept) outside. If the block cannot be centred exactly,
 * it is half a pixel too far up or to the left.
 *
 * @param options `size`: the block's side, or `[height, width]`.
 * @throws ShapeError, OptionError
 * @example
 * ```ts
 * import { masks } from "wasmgrad/vision";
 * console.log(masks.centerBlock([1, 4, 4], { size: 2 }).toArray()); // rows 1 1 1 1, 1 0 0 1, 1 0 0 1, 1 1 1 1
 * ```
 */
export function centerBlock(shape: ImageShape, options: { size: Pair }): Tensor {
  const op = "centerBlock";
  const dims = readShape(op, shape);
  const { size } = readOptions(op, options as { size?: Pair }, { size: undefined as Pair | undefined });
  const block = checkBlock(op, size, dims);
  return scope(() => {
    const at = (side: number, part: number) =>
      tensor(new Int32Array(dims.n).fill(Math.floor((side - part) / 2)), { shape: [dims.n, 1] }).array;
    const [tops, lefts] = [at(dims.h, block[0]), at(dims.w, block[1])];
    return leaf(() => blocksMask(tops, lefts, block, shape));
  });
}

/**
 * Hides `count` blocks of each image, at uniformly random positions inside the image: 0 inside a block, 1
 * (kept) outside. Blocks may overlap. All channels have the same blocks.
 *
 * @param options `size`: a block's side, or `[height, width]`; `count` (default 1); `generator`.
 * @throws ShapeError, OptionError
 * @example
 * ```ts
 * import { masks } from "wasmgrad/vision";
 * console.log(masks.randomBlocks([8, 3, 32, 32], { size: 8, count: 4 }).shape); // [8, 3, 32, 32]
 * ```
 */
export function randomBlocks(
  shape: ImageShape,
  options: { size: Pair; count?: number; generator?: Generator },
): Tensor {
  const op = "randomBlocks";
  const dims = readShape(op, shape);
  const given = readOptions(op, options as { size?: Pair; count?: number; generator?: Generator }, {
    size: undefined as Pair | undefined,
    count: 1,
    generator: undefined as Generator | undefined,
  });
  const block = checkBlock(op, given.size, dims);
  const count = checkInteger(op, "count", given.count, 0);
  return scope(() => {
    const draw = (side: number, part: number) =>
      randint(0, side - part + 1, [dims.n, count], { generator: given.generator }).array;
    const [tops, lefts] = [draw(dims.h, block[0]), draw(dims.w, block[1])];
    return leaf(() => blocksMask(tops, lefts, block, shape));
  });
}
