/** How the position among the inputs is found for an output of one axis. */
export interface Placement {
  /** The coordinate_transformation_mode. */
  mode: string;
  scale: number;
  /** The number of inputs. */
  from: number;
  /** The number of outputs. */
  to: number;
  /** The part of the axis that tf_crop_and_resize reads, from 0 to 1. */
  range: readonly [number, number];
}

/** The position of output o among the inputs. */
export function sourcePosition({ mode, scale, from, to, range }: Placement, o: number): number {
  const length = scale * from; // before it was rounded to the number of outputs
  switch (mode) {
    case "align_corners":
      return length === 1 ? 0 : (o * (from - 1)) / (length - 1);
    case "asymmetric":
      return o / scale;
    case "tf_crop_and_resize": {
      const [start, end] = range;
      const step = length === 1 ? 0.5 : o / (length - 1);
      return (start + (end - start) * step) * (from - 1);
    }
    case "pytorch_half_pixel":
      return length === 1 ? -0.5 : (o + 0.5) / scale - 0.5;
    case "half_pixel_symmetric":
      return (from / 2) * (1 - to / length) + (o + 0.5) / scale - 0.5;
    default:
      return (o + 0.5) / scale - 0.5;
  }
}

/** The weights of the pixels around a position. */
export interface ResizeFilter {
  /** Keys' cubic with `slope` at distance 1, or else a linear one. */
  cubic: boolean;
  slope: number;
  /** Whether the filter becomes wider where the result is smaller. */
  antialias: boolean;
  /** Whether pixels outside are left out, rather than those of the edge repeated. */
  excludeOutside: boolean;
}

function weightAt({ cubic, slope: a }: ResizeFilter, distance: number): number {
  const x = Math.abs(distance);
  if (!cubic) return Math.max(0, 1 - x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

/** The matrix [inputs, outputs] of weights, row by row. */
export function resizeTaps(placement: Placement, filter: ResizeFilter): Float32Array {
  const { from, to } = placement;
  const matrix = new Float64Array(from * to);
  const stretch = filter.antialias ? Math.max(1, 1 / placement.scale) : 1;
  const support = (filter.cubic ? 2 : 1) * stretch;
  for (let o = 0; o < to; o++) {
    const position = sourcePosition(placement, o);
    const taps: [pixel: number, weight: number][] = [];
    for (let i = Math.ceil(position - support); i <= position + support; i++) {
      const weight = weightAt(filter, (i - position) / stretch);
      if (filter.excludeOutside && (i < 0 || i >= from)) continue;
      taps.push([Math.min(Math.max(i, 0), from - 1), weight]);
    }
    const total = filter.antialias || filter.excludeOutside ? taps.reduce((sum, [, weight]) => sum + weight, 0) : 1;
    for (const [pixel, weight] of taps) matrix[pixel * to + o] += total === 0 ? 0 : weight / total;
  }
  return Float32Array.from(matrix);
}
