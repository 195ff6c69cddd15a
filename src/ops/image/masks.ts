import { empty, type NDArray } from "../core/array.ts";
import { launch } from "./kernels.ts";

const planesAtATime = (plane: number) => Math.ceil(16384 / Math.max(1, plane));

/**
 * The bool array `u >= ratio` of `shape` [N,C,H,W] or [C,H,W]. u is [N,C,H,W], or [N,1,H,W] for the same mask
 * in all channels.
 */
export function atLeastMask(u: NDArray, ratio: number, shape: readonly number[]): NDArray {
  const out = empty([...shape], "bool");
  const [channels, h, w] = shape.slice(-3);
  const planes = shape.length === 4 ? shape[0] * channels : channels;
  const shared = u.shape[1] === channels ? 0 : 1;
  launch("maskAtLeast", planes, planesAtATime(h * w), u.address, channels, h * w, shared, ratio, out.address);
  return out;
}

/**
 * A bool array of `shape` [N,C,H,W] or [C,H,W]: 0 inside blocks of [height, width] whose corners are `tops`
 * and `lefts` (int32 [N, count]), else 1.
 */
export function blocksMask(
  tops: NDArray,
  lefts: NDArray,
  [blockHeight, blockWidth]: readonly [number, number],
  shape: readonly number[],
): NDArray {
  const out = empty([...shape], "bool");
  const [channels, h, w] = shape.slice(-3);
  const [n, count] = tops.shape;
  const grain = planesAtATime(h * w);
  launch(
    "maskBlocks",
    n * channels,
    grain,
    tops.address,
    lefts.address,
    count,
    channels,
    h,
    w,
    blockHeight,
    blockWidth,
    out.address,
  );
  return out;
}
