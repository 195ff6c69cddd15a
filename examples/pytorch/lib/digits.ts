// A made data set of handwritten digits, in place of MNIST: each digit is drawn with a pen along a few lines,
// shifted, scaled, slanted and turned at random.
import { Generator, rand, randint, type Tensor, tensor } from "wasmgrad";

type Point = readonly [x: number, y: number];

/** Corners of an arc around (x, y). `from` and `to` count eighths of a circle from the top, clockwise. */
function arc(x: number, y: number, rx: number, ry: number, from: number, to: number): Point[] {
  const d = 0.71;
  const [xs, ys] = [
    [0, d, 1, d, 0, -d, -1, -d],
    [-1, -d, 0, d, 1, d, 0, -d],
  ];
  const count = Math.abs(to - from) + 1;
  return Array.from({ length: count }, (_, i) => {
    const at = (from + (to > from ? i : -i) + 8) % 8;
    return [x + rx * xs[at], y + ry * ys[at]];
  });
}

/** Corners of a straight line: "38,28 52,16" is from (0.38, 0.28) to (0.52, 0.16). */
function line(corners: string): Point[] {
  return corners.split(" ").map((corner) => {
    const [x, y] = corner.split(",").map(Number);
    return [x / 100, y / 100];
  });
}

/** The lines of each digit in the unit square, y downwards. */
const STROKES: readonly (readonly (readonly Point[])[])[] = [
  [arc(0.5, 0.5, 0.22, 0.34, 0, 8)],
  [line("38,28 52,16 52,84")],
  [[...arc(0.48, 0.34, 0.2, 0.18, 6, 10), ...line("62,48 28,84 74,84")]],
  [[...arc(0.46, 0.33, 0.2, 0.17, 7, 12), ...arc(0.46, 0.67, 0.22, 0.17, 1, 5)]],
  [line("44,16 26,58 76,58"), line("62,36 58,86")],
  [[...line("70,17 36,17 33,47"), ...arc(0.48, 0.64, 0.22, 0.2, 0, 5)]],
  [[...line("60,15 40,34"), ...arc(0.5, 0.66, 0.2, 0.19, 6, 14)]],
  [line("26,18 74,18 44,85")],
  [arc(0.5, 0.33, 0.18, 0.17, 0, 8), arc(0.5, 0.67, 0.21, 0.17, 0, 8)],
  [[...arc(0.5, 0.35, 0.19, 0.19, 2, -6), ...line("68,40 60,85")]],
];

/** The distance of (x, y) from the line between two points, all in pixels. */
function distance(x: number, y: number, [ax, ay]: Point, [bx, by]: Point): number {
  const [dx, dy] = [bx - ax, by - ay];
  const along = ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy);
  const t = Math.min(1, Math.max(0, along));
  return Math.sqrt((x - ax - t * dx) ** 2 + (y - ay - t * dy) ** 2);
}

/**
 * Draws `count` digits: images in [0, 1], float32 [count, 1, size, size], and their digits, int32 [count].
 * Equal seeds give equal images.
 */
export function drawDigits(count: number, options: { size?: number; seed?: number } = {}): [Tensor, Tensor] {
  const { size = 28, seed = 0 } = options;
  const generator = new Generator(seed);
  const labels = randint(0, 10, [count], { generator });
  const [digits, chances] = [labels.data(), rand([count, 7], { generator }).data()];
  const pixels = new Float32Array(count * size * size);
  for (let n = 0; n < count; n++) {
    const [right, down, wide, high, slant, turn, thick] = chances.subarray(7 * n, 7 * n + 7);
    const place = ([x, y]: Point): Point => {
      const [u, v] = [(x - 0.5) * (0.85 + 0.4 * wide), (y - 0.5) * (0.85 + 0.3 * high)];
      const [s, t] = [0.4 * (slant - 0.5) + 0.3 * (turn - 0.5), 0.3 * (turn - 0.5)];
      return [(0.5 + u - s * v + 0.12 * (right - 0.5)) * size, (0.5 + v + t * u + 0.12 * (down - 0.5)) * size];
    };
    const radius = (0.02 + 0.035 * thick) * size;
    const strokes = STROKES[digits[n]].map((stroke) => stroke.map(place));
    for (let y = 0; y < size; y++) {
      for (let x = 0; x < size; x++) {
        let nearest = size;
        for (const stroke of strokes) {
          for (let i = 1; i < stroke.length; i++) {
            nearest = Math.min(nearest, distance(x + 0.5, y + 0.5, stroke[i - 1], stroke[i]));
          }
        }
        pixels[(n * size + y) * size + x] = Math.min(1, Math.max(0, radius + 0.5 - nearest));
      }
    }
  }
  return [tensor(pixels, { shape: [count, 1, size, size] }), labels];
}
