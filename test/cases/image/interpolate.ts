import { nn, type Tensor } from "wasmgrad";
import { at, build, type OpCase, type Ref } from "../case.ts";

interface Options {
  size?: [number, number];
  scaleFactor?: number | [number, number];
  mode?: "nearest" | "nearest-exact" | "bilinear" | "bicubic" | "area";
  alignCorners?: boolean;
  antialias?: boolean;
}

const runs: [number[], Options][] = [
  [[2, 3, 4, 5], { scaleFactor: 2 }],
  [[1, 2, 5, 7], { size: [3, 11] }],
  [[1, 1, 4, 6], { scaleFactor: 1.7 }],
  [[1, 2, 6, 5], { scaleFactor: [0.5, 0.7] }],
  [[0, 3, 4, 4], { scaleFactor: 2 }],
  [[1, 1, 1, 1], { size: [3, 4] }],
  [[2, 1, 3, 9], { scaleFactor: 2 }],
  [[1, 1, 13, 9], { size: [3, 2] }],
  [[1, 1, 13, 9], { size: [3, 2], mode: "bilinear" }],
  [[1, 2, 3, 4], { size: [17, 23], mode: "bilinear" }],
  [[2, 3, 4, 5], { scaleFactor: 2, mode: "bilinear" }],
  [[1, 2, 4, 5], { scaleFactor: [1.3, 2.7], mode: "bilinear" }],
  [[1, 2, 9, 8], { size: [4, 3], mode: "bilinear" }],
  [[1, 2, 4, 5], { size: [7, 9], mode: "bilinear", alignCorners: true }],
  [[1, 2, 4, 5], { size: [1, 1], mode: "bilinear", alignCorners: true }],
  [[1, 1, 1, 1], { scaleFactor: 3, mode: "bilinear" }],
  [[0, 2, 3, 3], { size: [2, 2], mode: "bilinear" }],
  [[1, 2, 5, 7], { size: [3, 11], mode: "nearest-exact" }],
  [[1, 2, 5, 7], { scaleFactor: [2, 0.6], mode: "nearest-exact" }],
  [[1, 2, 5, 7], { size: [3, 21], mode: "area" }],
  [[2, 3, 13, 9], { size: [4, 4], mode: "area" }],
  [[1, 2, 3, 4], { size: [17, 23], mode: "bicubic" }],
  [[2, 3, 7, 5], { scaleFactor: [1.3, 0.7], mode: "bicubic" }],
  [[1, 2, 9, 8], { size: [4, 3], mode: "bicubic", alignCorners: true }],
  [[1, 1, 1, 1], { size: [3, 2], mode: "bicubic" }],
  [[0, 2, 3, 3], { size: [2, 2], mode: "bicubic" }],
  [[1, 2, 13, 21], { size: [4, 5], mode: "bilinear", antialias: true }],
  [[1, 2, 7, 5], { scaleFactor: [0.4, 2.3], mode: "bilinear", antialias: true }],
  [[2, 1, 11, 40], { size: [3, 17], mode: "bicubic", antialias: true }],
  [[1, 2, 9, 8], { size: [4, 12], mode: "bicubic", antialias: true, alignCorners: true }],
];

const triangle = (x: number) => Math.max(0, 1 - Math.abs(x));

/** Keys' cubic kernel with parameter a, as sums of powers. */
function keys(a: number, distance: number): number {
  const x = Math.abs(distance);
  if (x <= 1) return (a + 2) * x ** 3 - (a + 3) * x ** 2 + 1;
  return x < 2 ? a * x ** 3 - 5 * a * x ** 2 + 8 * a * x - 4 * a : 0;
}

/** The weights of all pixels of a dimension in output `o`, from the definition of each mode. */
function weightsOf({ mode, alignCorners, antialias }: Options, length: number, out: number, step: number, o: number) {
  const pixels = Array.from({ length }, (_, i) => i);
  const scale = alignCorners ? (out > 1 ? (length - 1) / (out - 1) : 0) : step;
  if (antialias) {
    const wide = Math.max(1, scale);
    const filter = (x: number) => (mode === "bilinear" ? triangle(x) : keys(-0.5, x));
    const weights = pixels.map((i) => filter((i + 0.5 - (o + 0.5) * scale) / wide));
    return weights.map((w) => w / weights.reduce((a, b) => a + b));
  }
  if (mode === "area") {
    const inside = pixels.map((i) => Number((i + 1) * out > o * length && i * out < (o + 1) * length));
    return inside.map((one) => one / inside.reduce((a, b) => a + b));
  }
  const centre = (o + 0.5) * scale - 0.5;
  if (mode === "nearest-exact") {
    const nearest = Math.min(Math.floor(centre + 0.5), length - 1);
    return pixels.map((i) => Number(i === nearest));
  }
  const position = alignCorners ? o * scale : centre;
  const weights = new Array<number>(length).fill(0);
  for (let i = -4; i < length + 4; i++) weights[Math.min(Math.max(i, 0), length - 1)] += keys(-0.75, position - i);
  return weights;
}

export const interpolateCases: OpCase[] = runs.map(([shape, options]) => ({
  name: `[${shape}] ${JSON.stringify(options)}`,
  inputs: [{ shape }],
  run: (x: Tensor) => nn.functional.interpolate(x, options),
  reference: (x: Ref) => {
    const { size, scaleFactor, mode, alignCorners } = options;
    const lengths = x.shape.slice(2);
    const factor = typeof scaleFactor === "number" ? [scaleFactor, scaleFactor] : scaleFactor;
    const out = size ?? lengths.map((length, d) => Math.floor(length * factor![d]));
    const scales = lengths.map((length, d) => (factor ? 1 / factor[d] : length / out[d]));
    if (options.antialias || !["nearest", "bilinear", undefined].includes(mode)) {
      const [rows, columns] = lengths.map((length, d) =>
        Array.from({ length: out[d] }, (_, o) => weightsOf(options, length, out[d], scales[d], o)),
      );
      return build([...shape.slice(0, 2), ...out], (n, c, oy, ox) => {
        let sum = 0;
        for (const [iy, a] of rows[oy].entries()) {
          for (const [ix, b] of columns[ox].entries()) sum += a * b * at(x, n, c, iy, ix);
        }
        return sum;
      });
    }
    return build([...shape.slice(0, 2), ...out], (n, c, ...o) => {
      const last = lengths.map((length) => length - 1);
      if (mode !== "bilinear") {
        const [iy, ix] = o.map((index, d) => Math.min(Math.floor(index * scales[d]), last[d]));
        return at(x, n, c, iy, ix);
      }
      const [sy, sx] = o.map((index, d) => {
        if (alignCorners) return out[d] > 1 ? (index * last[d]) / (out[d] - 1) : 0;
        return Math.min(Math.max((index + 0.5) * scales[d] - 0.5, 0), last[d]);
      });
      // the weight of a pixel falls off linearly with the distance
      let sum = 0;
      for (let iy = 0; iy <= last[0]; iy++) {
        for (let ix = 0; ix <= last[1]; ix++) {
          sum += Math.max(0, 1 - Math.abs(iy - sy)) * Math.max(0, 1 - Math.abs(ix - sx)) * at(x, n, c, iy, ix);
        }
      }
      return sum;
    });
  },
}));
