import { nn, type Tensor } from "wasmgrad";
import { at, build, type OpCase, type Ref } from "../case.ts";

type Options = nn.functional.GridSampleOptions;

/** The image continues beyond its edges: the pixel that stands at whole position j, or -1 for a zero. */
function pixelAt(j: number, length: number, { paddingMode = "zeros", alignCorners = false }: Options): number {
  if (paddingMode === "zeros") return j >= 0 && j < length ? j : -1;
  if (paddingMode === "border") return Math.min(Math.max(j, 0), length - 1);
  if (length === 1) return 0;
  const period = alignCorners ? 2 * (length - 1) : 2 * length;
  const k = ((j % period) + period) % period;
  return k < length ? k : alignCorners ? period - k : period - 1 - k;
}

/** The weight of a pixel at a distance. */
const weights = {
  bilinear: (d: number) => Math.max(0, 1 - Math.abs(d)),
  bicubic: (d: number) => {
    const [t, a] = [Math.abs(d), -0.75];
    if (t <= 1) return (a + 2) * t ** 3 - (a + 3) * t ** 2 + 1;
    return t < 2 ? a * (t ** 3 - 5 * t ** 2 + 8 * t - 4) : 0;
  },
};

/** The pixels that a coordinate reads, with their weights. */
function readAt(g: number, length: number, options: Options): [pixel: number, weight: number][] {
  const { mode = "bilinear", alignCorners = false } = options;
  const x = alignCorners ? ((g + 1) / 2) * (length - 1) : ((g + 1) * length - 1) / 2;
  if (mode === "nearest") return [[pixelAt(Math.round(x), length, options), 1]];
  const first = Math.floor(x) - 1;
  return [0, 1, 2, 3].map((i) => [pixelAt(first + i, length, options), weights[mode](x - first - i)]);
}

function reference(options: Options, x: Ref, grid: Ref): Ref {
  const lengths = x.shape.slice(2);
  return build([...x.shape.slice(0, 2), ...grid.shape.slice(1, -1)], (n, c, ...o) => {
    let terms: [index: number[], weight: number][] = [[[], 1]];
    for (const [d, length] of lengths.entries()) {
      const pixels = readAt(at(grid, n, ...o, lengths.length - 1 - d), length, options);
      terms = terms.flatMap(([index, weight]) =>
        pixels.filter(([p]) => p >= 0).map(([p, w]) => [[...index, p], weight * w] as [number[], number]),
      );
    }
    return terms.reduce((sum, [index, weight]) => sum + weight * at(x, n, c, ...index), 0);
  });
}

const runs: [x: number[], grid: number[], Options][] = [
  [[1, 2, 3, 4], [1, 2, 3, 2], {}],
  [[2, 3, 4, 5], [2, 9, 11, 2], {}],
  [[1, 1, 1, 1], [1, 2, 2, 2], { paddingMode: "reflection", alignCorners: true }],
  [[2, 0, 3, 3], [2, 2, 2, 2], {}],
  [[0, 2, 3, 3], [0, 2, 2, 2], {}],
  [[1, 2, 3, 4, 3], [1, 2, 3, 2, 3], {}],
  [[2, 1, 2, 3, 4], [2, 2, 2, 3, 3], { paddingMode: "border" }],
  [[1, 1, 3, 2, 2], [1, 3, 2, 2, 3], { paddingMode: "reflection", alignCorners: true }],
  [[1, 2, 3, 4, 3], [1, 2, 3, 2, 3], { mode: "nearest" }],
];
for (const mode of ["bilinear", "nearest", "bicubic"] as const) {
  for (const paddingMode of ["zeros", "border", "reflection"] as const) {
    for (const alignCorners of [false, true]) {
      runs.push([[1, 2, 5, 4], [1, 3, 3, 2], { mode, paddingMode, alignCorners }]);
    }
  }
}

export const gridSampleCases: OpCase[] = runs.map(([shape, grid, options]) => ({
  name: `[${shape}] [${grid}] ${JSON.stringify(options)}`,
  // positions inside and outside of the image
  inputs: [{ shape }, { shape: grid, low: -1.7, high: 1.7, grad: options.mode !== "nearest" }],
  run: (x: Tensor, grid: Tensor) => nn.functional.gridSample(x, grid, options),
  reference: (x: Ref, grid: Ref) => reference(options, x, grid),
  tolerance: 2e-5,
  gradTolerance: 1e-4,
  secondTolerance: 1e-3,
}));
