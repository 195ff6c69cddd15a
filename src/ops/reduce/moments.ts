import { LANES } from "../../runtime/kernels.generated.ts";
import { launch } from "../../runtime/kernels.ts";
import { empty, type NDArray, sizeOf, zeros } from "../core/array.ts";
import { reductionSteps } from "../core/dims.ts";

/** An array of float64 values for kernels: two words each. */
export function doubles(count: number): NDArray {
  return empty([count, 2]);
}

/** Mean and sum of squared deviations of each slice, float64, and how many values a slice has. */
export interface Moments {
  mean: NDArray;
  squares: NDArray;
  count: number;
}

/** Work a thread takes at a time, in elements. */
const GRAIN = 16384;

/**
 * The moments of `x` over the reduced dimensions: variance without cancellation, in one pass over x (see
 * assembly/reduce/moments.ts).
 */
export function moments(x: NDArray, reduced: readonly boolean[]): Moments {
  const slices = sizeOf(x.shape.filter((_, d) => !reduced[d]));
  const total = sizeOf(x.shape.filter((_, d) => reduced[d]));
  if (x.size === 0) return { mean: zeros([slices, 2]), squares: zeros([slices, 2]), count: total };
  const steps = reductionSteps(x.shape, reduced);
  // dimensions of length 1 only: each value is a slice
  if (steps.length === 0) steps.push({ outer: x.size, reduce: 1, inner: 1 });
  const [first, ...rest] = steps;
  const { outer, reduce, inner } = first;
  let mean = doubles(outer * inner);
  let squares = doubles(outer * inner);
  if (inner === 1) {
    launch("momentsRows", outer, Math.ceil(GRAIN / reduce), x.address, mean.address, squares.address, reduce);
  } else {
    const tiles = outer * Math.ceil(inner / LANES);
    launch(
      "momentsColumns",
      tiles,
      Math.ceil(GRAIN / (LANES * reduce)),
      x.address,
      mean.address,
      squares.address,
      reduce,
      inner,
    );
  }
  let count = reduce;
  for (const step of rest) {
    const size = step.outer * step.inner;
    const [jointMean, jointSquares] = [doubles(size), doubles(size)];
    launch(
      "joinMoments",
      size,
      Math.ceil(GRAIN / step.reduce),
      mean.address,
      squares.address,
      jointMean.address,
      jointSquares.address,
      step.reduce,
      step.inner,
      count,
    );
    [mean, squares] = [jointMean, jointSquares];
    count *= step.reduce;
  }
  return { mean, squares, count };
}
