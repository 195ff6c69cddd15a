/** Drawings of transposed convolutions, of gradients, and of Winograd's tiles. */
import { Drawing, type Tone } from "./svg.ts";

type Matrix = number[][];

const zeros = (rows: number, columns: number): Matrix => Array.from({ length: rows }, () => Array(columns).fill(0));

export const TRANSPOSED = {
  x: [
    [1, 2],
    [3, 4],
  ],
  kernel: [
    [1, 2, 1],
    [2, 4, 2],
    [1, 2, 1],
  ],
  stride: 2,
};

/** The output of a transposed convolution, and how many input pixels add to each of its pixels. */
export function scattered({ x, kernel, stride }: typeof TRANSPOSED): { out: Matrix; counts: Matrix } {
  const size = (x.length - 1) * stride + kernel.length;
  const [out, counts] = [zeros(size, size), zeros(size, size)];
  x.forEach((row, iy) => {
    row.forEach((value, ix) => {
      kernel.forEach((taps, kh) => {
        taps.forEach((w, kw) => {
          out[iy * stride + kh][ix * stride + kw] += value * w;
          counts[iy * stride + kh][ix * stride + kw]++;
        });
      });
    });
  });
  return { out, counts };
}

/** A transposed convolution whose copies of the kernel overlap. */
export function transposed(): Drawing {
  const { x, kernel, stride } = TRANSPOSED;
  const { out, counts } = scattered(TRANSPOSED);
  const d = new Drawing(
    "A transposed convolution with kernel 3 and stride 2: the copies of the kernel overlap",
    600,
    290,
  );
  const size = 34;
  d.text(14, 26, "x", { look: "bold" });
  d.grid(14, 36, size, x, (y, c) => (y === 0 && c === 0 ? "blue" : y === 0 ? "orange" : "cell"));
  d.text(14, 138, "kernel", { look: "bold" });
  d.grid(14, 148, size, kernel);
  const copies: [string, Tone, number][] = [
    ["1 · kernel", "blue", 0],
    ["2 · kernel", "orange", 1],
  ];
  copies.forEach(([name, tone, column], i) => {
    const top = 36 + i * 132;
    d.text(164, top - 10, name, { look: "bold" });
    d.grid(
      164,
      top,
      size,
      kernel.map((taps) => taps.map((w) => w * x[0][column])),
      () => tone,
    );
  });
  d.line(276, 90, 342, 90, { arrow: true });
  d.line(276, 222, 342, 130, { arrow: true });
  d.text(350, 26, "out", { look: "bold" });
  d.text(384, 26, "shade: how many inputs add to it", { look: "small faint" });
  const tones: Record<number, Tone> = { 1: "cell", 2: "green", 4: "purple" };
  d.grid(350, 36, size, out, (y, c) => tones[counts[y][c]]);
  d.frame(350, 36, kernel.length * size, kernel.length * size);
  d.frame(350 + stride * size, 36, kernel.length * size, kernel.length * size);
  [1, 2, 4].forEach((count, i) => {
    d.cell(350 + i * 78, 222, 20, 20, "", tones[count]);
    d.text(376 + i * 78, 237, count === 1 ? "1 input" : `${count} inputs`, { look: "small" });
  });
  d.text(350, 268, "Frames: 1 · kernel and 2 · kernel.", { look: "small" });
  return d;
}

/** For each pixel of an image, the number of 3 x 3 windows (padding 1) that read it. */
export function windowCounts(size: number): Matrix {
  const counts = zeros(size, size);
  for (let oy = 0; oy < size; oy++)
    for (let ox = 0; ox < size; ox++)
      for (let y = Math.max(0, oy - 1); y <= Math.min(size - 1, oy + 1); y++)
        for (let x = Math.max(0, ox - 1); x <= Math.min(size - 1, ox + 1); x++) counts[y][x]++;
  return counts;
}

/** Which outputs depend on a pixel: in one dimension by name, in two by their number. */
export function backward(): Drawing {
  const d = new Drawing("The outputs that read one pixel, and the gradients that come back from them", 600, 300);
  const [width, height, inputs, taps, marked] = [54, 34, 5, 3, 2];
  const outputs = inputs - taps + 1;
  const [xTop, yTop, left] = [196, 60, 20];
  const xMiddle = (i: number) => left + (i + 0.5) * width;
  const yMiddle = (o: number) => left + width + (o + 0.5) * width;
  d.text(left, 26, `Three outputs read x[${marked}]:`, { look: "bold" });
  for (let o = 0; o < outputs; o++) {
    for (let k = 0; k < taps; k++) {
      const strong = o + k === marked;
      if (!strong) d.line(xMiddle(o + k), xTop, yMiddle(o), yTop + height, { look: "dashed" });
    }
  }
  for (let o = 0; o < outputs; o++) {
    const k = marked - o;
    d.line(xMiddle(marked), xTop, yMiddle(o), yTop + height, { look: "strong", arrow: true });
    d.cell(left + width + o * width, yTop, width, height, `y[${o}]`, "green");
    const [x, y] = [(xMiddle(marked) + 2 * yMiddle(o)) / 3, (xTop + 2 * (yTop + height)) / 3];
    d.cell(x - 18, y - 11, 36, 22, `g[${k}]`, "orange", "small");
  }
  for (let i = 0; i < inputs; i++) {
    d.cell(left + i * width, xTop, width, height, `x[${i}]`, i === marked ? "blue" : "cell");
  }
  d.text(left, 258, "The gradient takes the same paths back:", { look: "small" });
  const terms = Array.from({ length: taps }, (_, k) => `g[${k}]·dy[${marked - k}]`).join(" + ");
  d.text(left, 280, `dx[${marked}] = ${terms}`, { look: "code small" });
  const [size, pixels] = [34, 5];
  const counts = windowCounts(pixels);
  d.text(366, 26, "3 x 3 kernel, padding 1:", { look: "bold" });
  d.text(366, 46, "how many outputs read each pixel", { look: "small" });
  d.grid(366, 60, size, counts, (y, x) => ({ 4: "cell", 6: "green", 9: "blue" })[counts[y][x]] as Tone);
  d.text(366, 258, "At the border, some windows", { look: "small" });
  d.text(366, 276, "lie outside the image.", { look: "small" });
  return d;
}

/** Patches of 4 x 4 pixels, two apart, and the 16 matrices of their positions. */
export function tiles(): Drawing {
  const [pixels, patch, step] = [8, 4, 2];
  const across = (pixels - patch) / step + 1;
  const d = new Drawing("4 x 4 patches that overlap by two pixels, and the 16 matrices of their positions", 600, 322);
  const size = 26;
  const [left, top] = [14, 58];
  const covers = (y: number, x: number, column: number) => y < patch && x >= column * step && x < column * step + patch;
  d.text(left, 24, "an image, one channel", { look: "bold" });
  d.text(left, 44, `patches are ${patch} x ${patch}, ${step} apart: ${across} x ${across} of them`, { look: "small" });
  d.grid(
    left,
    top,
    size,
    zeros(pixels, pixels).map((row) => row.map(() => "")),
    (y, x) => {
      if (covers(y, x, 0) && covers(y, x, 1)) return "purple";
      return covers(y, x, 0) ? "blue" : covers(y, x, 1) ? "orange" : "cell";
    },
  );
  d.frame(left, top, patch * size, patch * size);
  d.frame(left + step * size, top, patch * size, patch * size);
  d.text(left, 290, "Each patch gives 2 x 2 outputs:", { look: "small" });
  d.text(left, 308, `together ${2 * across} x ${2 * across}, without gaps.`, { look: "small" });
  d.line(236, 162, 314, 162, { arrow: true });
  d.text(275, 152, "B' d B", { anchor: "middle", look: "small code" });
  const [mLeft, cell, gap] = [328, 44, 8];
  d.text(mLeft, 24, "16 matrices, one per position", { look: "bold" });
  d.text(mLeft, 44, `each [Ci][T]: T = ${across * across} patches here`, { look: "small" });
  for (let position = 0; position < patch * patch; position++) {
    const x = mLeft + (position % patch) * (cell + gap);
    const y = top + Math.floor(position / patch) * (cell + gap);
    d.cell(x, y, cell, cell, "", "cell");
    d.cell(x, y, 7, cell, "", "blue");
    d.cell(x + 7, y, 7, cell, "", "orange");
  }
  d.text(mLeft, 290, "Column 0 of each: the blue patch;", { look: "small" });
  d.text(mLeft, 308, "column 1: the orange patch.", { look: "small" });
  return d;
}
