import { LANES } from "../../runtime/kernels.generated.ts";
import { launch } from "../../runtime/kernels.ts";
import { empty, type NDArray, sizeOf, zeros } from "../core/array.ts";
import { reductionAxes } from "../core/axis.ts";

/** An array for `count` float64 values, two words each, for kernels. */
export function doubles(count: number): NDArray {
  return empty([count, 2]);
}

/** Mean and sum of squared deviations of each slice, in float64, and the number of values per slice. */
export interface Moments {
  mean: NDArray;
  squares: NDArray;
  count: number;
}

/** Number of elements that a thread takes at a time. */
const GRAIN = 16384;

/**
 * The moments of `x` over the reduced dimensions, in one pass over x and without cancellation in the variance
 * (see assembly/reduce/moments.ts).
 */
export function moments(x: NDArray, reduced: readonly boolean[]): Moments {
  const slices = sizeOf(x.shape.filter((_, d) => !reduced[d]));
  const total = sizeOf(x.shape.filter((_, d) => reduced[d]));
  if (x.size === 0) return { mean: zeros([slices, 2]), squares: zeros([slices, 2]), count: total };
  const axes = reductionAxes(x.shape, reduced);
  // only dimensions of length 1 are reduced: each value is a slice
  if (axes.length === 0) axes.push({ outer: x.size, length: 1, inner: 1 });
  const [first, ...rest] = axes;
  const { outer, length, inner } = first;
  let mean = doubles(outer * inner);
  let squares = doubles(outer * inner);
  if (inner === 1) {
    launch("momentsRows", outer, Math.ceil(GRAIN / length), x.address, mean.address, squares.address, length);
  } else {
    const tiles = outer * Math.ceil(inner / LANES);
    launch(
      "momentsColumns",
      tiles,
      Math.ceil(GRAIN / (LANES * length)),
      x.address,
      mean.address,
      squares.address,
      length,
      inner,
    );
  }
  let count = length;
  for (const axis of rest) {
    const size = axis.outer * axis.inner;
    const [jointMean, jointSquares] = [doubles(size), doubles(size)];
    launch(
      "joinMoments",
      size,
      Math.ceil(GRAIN / axis.length),
      mean.address,
      squares.address,
      jointMean.address,
      jointSquares.address,
      axis.length,
      axis.inner,
      count,
    );
    [mean, squares] = [jointMean, jointSquares];
    count *= axis.length;
  }
  return { mean, squares, count };
}
