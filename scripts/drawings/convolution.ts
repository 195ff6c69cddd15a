/** Drawings of images in memory, of windows, and of the matrix that im2col writes. */
import { Drawing, type Tone } from "./svg.ts";

type Matrix = number[][];

const matrix = (rows: number, columns: number, value: (row: number, column: number) => number): Matrix =>
  Array.from({ length: rows }, (_, i) => Array.from({ length: columns }, (_, j) => value(i, j)));

/** Two images of two channels of 3 x 4 pixels, and the element whose address is worked out. */
const SHAPE = [2, 2, 3, 4] as const;
const AT = [1, 0, 2, 1] as const;

/** The position in memory of an element of an array [N][C][H][W]. */
export const positionOf = ([, C, H, W]: readonly number[], [n, c, y, x]: readonly number[]) =>
  ((n * C + c) * H + y) * W + x;

/** The order of pixels in memory. */
export function nchw(): Drawing {
  const [N, C, H, W] = SHAPE;
  const position = positionOf(SHAPE, AT);
  const d = new Drawing(
    "An array of two images, two channels, 3 x 4 pixels: each pixel's position in memory",
    600,
    344,
  );
  const size = 32;
  const tones: Tone[] = ["blue", "green", "orange", "purple"];
  for (let n = 0; n < N; n++) {
    for (let c = 0; c < C; c++) {
      const left = 14 + (n * C + c) * 147;
      d.text(left, 24, `image ${n}, channel ${c}`, { look: "small" });
      const numbers = matrix(H, W, (y, x) => positionOf(SHAPE, [n, c, y, x]));
      d.grid(left, 34, size, numbers, () => tones[n * C + c], "small");
      if (n === AT[0] && c === AT[1]) d.frame(left + AT[3] * size, 34 + AT[2] * size, size, size);
    }
  }
  d.text(14, 170, "The same numbers in memory, one after the other (a part):", { look: "small" });
  const [first, count, width] = [22, 18, 31];
  for (let i = 0; i < count; i++) {
    d.cell(14 + i * width, 180, width, 28, first + i, tones[Math.floor((first + i) / (H * W))], "small");
  }
  const marked = 14 + (position - first) * width;
  d.frame(marked, 180, width, 28);
  d.line(marked + width / 2, 236, marked + width / 2, 212, { arrow: true, look: "strong" });
  const [n, c, y, x] = AT;
  d.text(14, 260, `x[${AT.join("][")}]: image ${n}, channel ${c}, row ${y}, column ${x}`, { look: "bold" });
  d.text(14, 284, "position = ((n C + c) H + y) W + x", { look: "code" });
  d.text(14, 306, `         = ((${n}·${C} + ${c})·${H} + ${y})·${W} + ${x} = ${position}`.replaceAll(" ", "\u00a0"), {
    look: "code",
  });
  d.text(14, 328, `address  = x + 4·${position} = x + ${4 * position}`.replaceAll(" ", "\u00a0"), { look: "code" });
  d.text(586, 328, "a float has 4 bytes", { anchor: "end", look: "faint small" });
  return d;
}

/** The sum of the four neighbours, which is easily checked by eye. */
export const WINDOW_KERNEL: Matrix = [
  [0, 1, 0],
  [1, 0, 1],
  [0, 1, 0],
];

export interface WindowExample {
  image: Matrix;
  stride: number;
  padding: number;
  dilation: number;
  /** The output pixel whose window is marked. */
  marked: [oy: number, ox: number];
}

export const WINDOWS: Record<"padding" | "stride" | "dilation", WindowExample> = {
  padding: { image: matrix(4, 4, (y, x) => ((y * 4 + x) % 5) + 1), stride: 1, padding: 1, dilation: 1, marked: [0, 0] },
  stride: { image: matrix(5, 5, (y, x) => (y + 2 * x) % 6), stride: 2, padding: 0, dilation: 1, marked: [0, 1] },
  dilation: { image: matrix(6, 6, (y, x) => (3 * y + x) % 7), stride: 1, padding: 0, dilation: 2, marked: [1, 0] },
};

/** The definition of a convolution of one channel. */
export function convolved({ image, stride, padding, dilation }: Omit<WindowExample, "marked">, kernel: Matrix): Matrix {
  const reach = (kernel.length - 1) * dilation + 1;
  const size = Math.floor((image.length + 2 * padding - reach) / stride) + 1;
  return matrix(size, size, (oy, ox) => {
    let sum = 0;
    kernel.forEach((row, kh) => {
      row.forEach((w, kw) => {
        sum += w * (image[oy * stride + kh * dilation - padding]?.[ox * stride + kw * dilation - padding] ?? 0);
      });
    });
    return sum;
  });
}

/** Windows of three convolutions: with zeros around the image, with stride 2, with dilation 2. */
export function windows(): Drawing {
  const d = new Drawing("The window of one output pixel with padding 1, with stride 2 and with dilation 2", 600, 400);
  const size = 24;
  d.text(14, 26, "kernel: the sum of four neighbours", { look: "small" });
  d.grid(248, 10, size, WINDOW_KERNEL, (i, j) => (WINDOW_KERNEL[i][j] ? "orange" : "cell"), "small");
  d.text(340, 26, "orange: the pixels that one output reads", { look: "small" });
  d.text(340, 44, "frame: the window, and its output pixel", { look: "small" });
  const titles = ["padding 1, stride 1", "padding 0, stride 2", "padding 0, dilation 2"];
  Object.values(WINDOWS).forEach((example, i) => {
    const { image, stride, padding, dilation, marked } = example;
    const left = 14 + i * 200;
    const top = 118;
    const out = convolved(example, WINDOW_KERNEL);
    d.text(left, top - 12, titles[i], { look: "bold" });
    const [firstY, firstX] = marked.map((o) => o * stride);
    const padded = image.length + 2 * padding;
    const values = matrix(padded, padded, (y, x) => image[y - padding]?.[x - padding] ?? 0);
    d.grid(
      left,
      top,
      size,
      values,
      (y, x) => {
        const [kh, kw] = [(y - firstY) / dilation, (x - firstX) / dilation];
        if (WINDOW_KERNEL[kh]?.[kw]) return "orange";
        const inside = y >= padding && x >= padding && y < padded - padding && x < padded - padding;
        return inside ? "blue" : "empty";
      },
      "small",
    );
    const reach = 2 * dilation + 1;
    d.frame(left + firstX * size, top + firstY * size, reach * size, reach * size);
    const below = top + 6 * size + 24;
    d.line(left + 48, below - 20, left + 48, below - 2, { arrow: true });
    d.grid(left, below, size, out, () => "green", "small");
    d.frame(left + marked[1] * size, below + marked[0] * size, size, size);
  });
  return d;
}

/** A 3 x 3 image and a 2 x 2 kernel. */
export const IM2COL = {
  image: [
    [3, 1, 4],
    [1, 5, 9],
    [2, 6, 5],
  ],
  kernel: [
    [1, 2],
    [0, 3],
  ],
};

/** The matrix of im2col: a row for each tap, a column for each output pixel. Stride 1, no padding. */
export function columnsOf(image: Matrix, kernel: number): Matrix {
  const out = image.length - kernel + 1;
  return matrix(kernel * kernel, out * out, (t, p) => {
    const [kh, kw] = [Math.floor(t / kernel), t % kernel];
    return image[Math.floor(p / out) + kh][(p % out) + kw];
  });
}

/** A convolution as a product: the kernel as a row, the windows as columns. */
export function im2col(): Drawing {
  const { image, kernel } = IM2COL;
  const d = new Drawing("im2col: each window of a 3 x 3 image becomes a column of a 4 x 4 matrix", 600, 330);
  const size = 34;
  const columns = columnsOf(image, 2);
  const weights = kernel.flat();
  const out = matrix(1, 4, (_, p) => weights.reduce((sum, w, t) => sum + w * columns[t][p], 0));
  const marked = 1;
  d.text(14, 26, "image", { look: "bold" });
  const inWindow = (y: number, x: number) => y < 2 && x >= 1;
  d.grid(14, 36, size, image, (y, x) => (inWindow(y, x) ? "orange" : "cell"));
  d.frame(14 + size, 36, 2 * size, 2 * size);
  d.text(14, 172, "kernel", { look: "bold" });
  d.grid(14, 182, size, kernel, () => "blue");
  d.text(14, 276, "output", { look: "bold" });
  d.text(70, 276, "(2 x 2, as one row)", { look: "small faint" });
  d.grid(14, 286, size, out, (_, p) => (p === marked ? "green" : "cell"));
  d.line(134, 70, 340, 70, { arrow: true });
  d.text(146, 62, "output pixel 1 reads this window,", { look: "small" });
  d.text(146, 88, "so its column has these 4 pixels", { look: "small" });
  d.text(404, 26, "columns [T][P]", { look: "bold" });
  d.grid(404, 36, size, columns, (_, p) => (p === marked ? "orange" : "cell"));
  for (let p = 0; p < 4; p++) d.text(404 + (p + 0.5) * size, 190, `p${p}`, { anchor: "middle", look: "small faint" });
  for (let t = 0; t < 4; t++) d.text(398, 58 + t * size, `t${t}`, { anchor: "end", look: "small faint" });
  d.text(250, 214, "weight · column 1:", { look: "small" });
  d.grid(250, 224, size, [weights], () => "blue");
  d.text(396, 246, "·", { look: "bold" });
  columns.forEach((row, t) => {
    d.cell(412, 206 + t * 22, size, 22, row[marked], "orange", "small");
  });
  const terms = weights.map((w, t) => `${w}·${columns[t][marked]}`).join(" + ");
  d.text(458, 246, "=");
  d.cell(476, 224, size, size, out[0][marked], "green");
  d.text(250, 318, `${terms} = ${out[0][marked]}`, { look: "code small" });
  return d;
}
