// Lesson 3: a convolution by hand, and one use of it: finding edges.
// npx tsx examples/03_convolution.ts
import { nn, tensor } from "wasmgrad";

const picture = [
  "                ",
  "   ##########   ",
  "   ##########   ",
  "   ##########   ",
  "   ####         ",
  "   ####         ",
  "                ",
];
const image = picture.map((line) => [...line].map((pixel) => (pixel === "#" ? 1 : 0)));
/** Bright on the right and dark on the left gives a positive sum: a vertical edge. */
const kernel = [
  [-1, 0, 1],
  [-2, 0, 2],
  [-1, 0, 1],
];

/** out[y][x] = sum over the taps of kernel[i][j] image[y + i - 1][x + j - 1], 0 outside. */
function convolve(image: number[][], kernel: number[][]): number[][] {
  return image.map((row, y) =>
    row.map((_, x) => {
      let sum = 0;
      for (let i = 0; i < 3; i++)
        for (let j = 0; j < 3; j++) sum += kernel[i][j] * (image[y + i - 1]?.[x + j - 1] ?? 0);
      return sum;
    }),
  );
}

const byHand = convolve(image, kernel);
const draw = (values: number[][]) =>
  values.map((row) => row.map((v) => (v > 0 ? "+" : v < 0 ? "-" : " ")).join("")).join("\n");
console.log(`the picture\n${picture.join("\n")}`);
console.log(`its vertical edges\n${draw(byHand)}`);

// The library expects [images, channels, height, width] and [filters, channels, 3, 3].
const weight = tensor([[kernel]]);
const out = nn.functional.conv2d(tensor([[image]]), weight, null, { padding: 1 });
const difference = out
  .sub(tensor([[byHand]]))
  .abs()
  .max()
  .item();
console.log(`nn.functional.conv2d gives the same: largest difference ${difference}`);

// The transposed kernel finds horizontal edges.
const horizontal = nn.functional.conv2d(tensor([[image]]), weight.transpose(2, 3), null, { padding: 1 });
console.log(`its horizontal edges\n${draw(horizontal.squeeze().toArray() as number[][])}`);
