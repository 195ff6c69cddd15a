import { offset } from "../../runtime/address.ts";
import { ELEMENTWISE_GRAIN, type NDArray, scratch } from "../core/array.ts";
import { kernels, launch } from "./kernels.ts";

/** Number of elements of a partial sum. It is fixed, so that the norm has the same bits in every run. */
const CHUNK = 16384;

/** The norm of order 1, 2 or Infinity of all arrays as one vector, in float64. NaN if any element is NaN. */
export function totalNorm(arrays: readonly NDArray[], order: 1 | 2 | typeof Infinity): number {
  const code = order === Infinity ? 0 : order;
  const counts = arrays.map((x) => Math.ceil(x.size / CHUNK));
  const count = counts.reduce((a, b) => a + b, 0);
  const partials = scratch(count * 8);
  let at = partials;
  arrays.forEach((x, i) => {
    launch("normPartials", counts[i], 1, x.address, at, x.size, CHUNK, code);
    at = offset(at, counts[i] * 8);
  });
  return kernels().joinNormPartials(partials, count, code);
}

/** `x *= factor`, in place. */
export function scaleInPlace(x: NDArray, factor: number): void {
  x.block.version++;
  // float32 loses some or all bits of a factor below 2⁻¹²⁶. Such a factor is applied in two steps. The first
  // factor is a power of two and loses no bits of the final result.
  const first = !(factor > 0) || factor >= 2 ** -126 ? 1 : factor >= 2 ** -190 ? 2 ** -64 : 2 ** -126;
  if (first !== 1) launch("scaleInPlace", x.size, ELEMENTWISE_GRAIN, x.address, first);
  launch("scaleInPlace", x.size, ELEMENTWISE_GRAIN, x.address, factor / first);
}

/** `x = min(max(x, low), high)`, in place. */
export function clampInPlace(x: NDArray, low: number, high: number): void {
  x.block.version++;
  launch("clamp", x.size, ELEMENTWISE_GRAIN, x.address, x.address, low, high);
}
