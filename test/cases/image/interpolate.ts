import { nn, type Tensor } from "wasmgrad";
import { at, build, type OpCase, type Ref } from "../case.ts";

interface Options {
  size?: [number, number];
  scaleFactor?: number | [number, number];
  mode?: "nearest" | "bilinear";
  alignCorners?: boolean;
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
];

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
