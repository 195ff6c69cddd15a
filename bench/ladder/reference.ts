/** The definitions in float64, written plainly. The naive rungs are checked against them. */
import type { Conv2dGeometry } from "../../src/ops/conv/geometry.ts";

type Gradient = (size: number) => Float64Array;

/**
 * A convolution with one group: returns [out, dx, dWeight]. `gradient` makes dOut. Each product of a pixel, a
 * tap and an output pixel contributes to all three.
 */
export function convReference(
  g: Conv2dGeometry,
  x: Float64Array,
  weight: Float64Array,
  gradient: Gradient,
): Float64Array[] {
  const size = g.images * g.outChannels * g.outHeight * g.outWidth;
  return passesOf(x, weight, gradient(size), (visit) => visitProducts(g, visit));
}

/** A transposed convolution, described by the convolution that maps its output back: [out, dx, dWeight]. */
export function convTransposeReference(
  g: Conv2dGeometry,
  x: Float64Array,
  weight: Float64Array,
  gradient: Gradient,
): Float64Array[] {
  const size = g.images * g.inChannels * g.height * g.width;
  return passesOf(x, weight, gradient(size), (visit) => visitProducts(g, (from, to, tap) => visit(to, from, tap)));
}

function passesOf(
  x: Float64Array,
  weight: Float64Array,
  dOut: Float64Array,
  forProducts: (visit: (out: number, x: number, tap: number) => void) => void,
): Float64Array[] {
  const [out, dx, dWeight] = [dOut, x, weight].map(({ length }) => new Float64Array(length));
  forProducts((to, from, tap) => {
    out[to] += x[from] * weight[tap];
    dx[from] += dOut[to] * weight[tap];
    dWeight[tap] += dOut[to] * x[from];
  });
  return [out, dx, dWeight];
}

/**
 * Calls `visit` with the positions of an output pixel, an input pixel and a tap, for all products of the
 * convolution.
 */
function visitProducts(g: Conv2dGeometry, visit: (out: number, x: number, tap: number) => void): void {
  const [kh, kw] = g.kernel;
  for (let n = 0; n < g.images; n++)
    for (let co = 0; co < g.outChannels; co++)
      for (let oy = 0; oy < g.outHeight; oy++)
        for (let ox = 0; ox < g.outWidth; ox++) {
          const to = ((n * g.outChannels + co) * g.outHeight + oy) * g.outWidth + ox;
          for (let ci = 0; ci < g.inChannels; ci++)
            for (let i = 0; i < kh; i++) {
              const y = oy * g.stride[0] + i * g.dilation[0] - g.padding[0];
              if (y < 0 || y >= g.height) continue;
              for (let j = 0; j < kw; j++) {
                const column = ox * g.stride[1] + j * g.dilation[1] - g.padding[1];
                if (column < 0 || column >= g.width) continue;
                const from = ((n * g.inChannels + ci) * g.height + y) * g.width + column;
                visit(to, from, ((co * g.inChannels + ci) * kh + i) * kw + j);
              }
            }
        }
}
