import { type Tensor, tensor } from "wasmgrad";
import { type Augmentation, augment } from "wasmgrad/vision";
import { kernels } from "../../../src/ops/random/kernels.ts";
import { at, build, type OpCase, type Ref } from "../case.ts";

const [SEED, EPOCH, VIEW] = [2 ** 40 + 3, 5, 1];

/**
 * The random numbers of image `index`: Philox with a key that is itself drawn from Philox. (random.test.ts
 * checks Philox against known answers.)
 */
export function chances(index: number, step = 0) {
  const philox = (counter: number[], low: number, high: number, word: number) => {
    const [c0, c1, c2, c3] = counter;
    return kernels().philoxWord(c0, c1, c2, c3, low, high, word) >>> 0;
  };
  const word = (n: number) => philox([index, EPOCH, step, VIEW], SEED % 2 ** 32, Math.floor(SEED / 2 ** 32), n);
  const [low, high] = [word(0), word(1) >>> 11];
  return (n: number) => (philox([Math.floor(n / 4), 0, 0, 0], low, high, n % 4) >>> 8) / 2 ** 24;
}

const INDICES = [7, 0, 49_999, 8, 3];
const clamp = (value: number, most: number) => Math.min(most, Math.max(0, value));

type Numbers = (n: number) => number;

/** A case whose reference computes pixel (b, c, r, q) from the images and the random numbers of image b. */
function augmentCase(
  name: string,
  [n, c, h, w]: number[],
  one: Augmentation,
  pixel: (x: Ref, u: Numbers, b: number, c: number, r: number, q: number) => number,
  tolerance = 2e-6,
): OpCase {
  const indices = INDICES.slice(0, n);
  return {
    name: `${name} [${[n, c, h, w]}]`,
    inputs: [{ shape: [n, c, h, w], low: 0, high: 1, grad: false }],
    run: (x: Tensor) => one(x, { indices: tensor(Int32Array.from(indices)), seed: SEED, epoch: EPOCH, view: VIEW }),
    reference: (x) => {
      const numbers = indices.map((index) => chances(index));
      return build([n, c, h, w], (b, channel, r, q) => pixel(x, numbers[b], b, channel, r, q));
    },
    tolerance,
  };
}

/** Bilinear interpolation; positions outside the image repeat its edge. */
function sample(x: Ref, b: number, c: number, row: number, column: number): number {
  const [, , h, w] = x.shape;
  const [r, q] = [clamp(row, h - 1), clamp(column, w - 1)];
  const [top, left] = [Math.floor(r), Math.floor(q)];
  const [bottom, right] = [Math.min(top + 1, h - 1), Math.min(left + 1, w - 1)];
  const mix = (a: number, z: number, t: number) => a + (z - a) * t;
  const above = mix(at(x, b, c, top, left), at(x, b, c, top, right), q - left);
  const below = mix(at(x, b, c, bottom, left), at(x, b, c, bottom, right), q - left);
  return mix(above, below, r - top);
}

const grey = ([r, g, b]: number[]) => 0.299 * r + 0.587 * g + 0.114 * b;
const pixelOf = (x: Ref, b: number, r: number, q: number) => [0, 1, 2].map((c) => at(x, b, c, r, q));

/** The documented steps, one after the other. */
function jitter(x: Ref, u: Numbers, b: number, r: number, q: number, width: number, hue: number, p: number): number[] {
  let v = pixelOf(x, b, r, q);
  if (u(0) >= p) return v;
  const factor = (n: number) => 1 + (2 * u(n) - 1) * width;
  const [, , h, w] = x.shape;
  let mean = 0;
  for (let i = 0; i < h * w; i++) mean += grey(pixelOf(x, b, Math.floor(i / w), i % w)) / (h * w);
  v = v.map((value) => factor(1) * value);
  v = v.map((value) => factor(2) * value + (1 - factor(2)) * factor(1) * mean);
  const luma = grey(v);
  v = v.map((value) => factor(3) * value + (1 - factor(3)) * luma);
  // Rodrigues' formula: the rotation about the axis (1, 1, 1) / √3
  const angle = (2 * u(4) - 1) * hue * 2 * Math.PI;
  const third = (v[0] + v[1] + v[2]) / 3;
  const cross = (c: number) => (v[(c + 2) % 3] - v[(c + 1) % 3]) / Math.sqrt(3);
  return v.map((value, c) => value * Math.cos(angle) + third * (1 - Math.cos(angle)) + cross(c) * Math.sin(angle));
}

const shapes = [
  [5, 3, 8, 8],
  [3, 1, 5, 7],
  [1, 2, 1, 1],
  [0, 3, 4, 4],
];
const colorShapes = shapes.filter(([, c]) => c === 3);

export const augmentCases: OpCase[] = [
  ...shapes.map((shape) =>
    augmentCase("crop", shape, augment.randomCrop({ padding: 3, fill: -1 }), (x, u, b, c, r, q) => {
      const [dr, dq] = [Math.floor(u(0) * 7) - 3, Math.floor(u(1) * 7) - 3];
      const inside = r + dr >= 0 && r + dr < shape[2] && q + dq >= 0 && q + dq < shape[3];
      return inside ? at(x, b, c, r + dr, q + dq) : -1;
    }),
  ),
  ...shapes.map((shape) =>
    augmentCase("flip", shape, augment.horizontalFlip(), (x, u, b, c, r, q) =>
      at(x, b, c, r, u(0) < 0.5 ? shape[3] - 1 - q : q),
    ),
  ),
  ...shapes.map((shape) =>
    augmentCase(
      "rotation",
      shape,
      augment.rotation({ degrees: 30 }),
      (x, u, b, c, r, q) => {
        const angle = ((2 * u(0) - 1) * 30 * Math.PI) / 180;
        const [down, right] = [r - (shape[2] - 1) / 2, q - (shape[3] - 1) / 2];
        const row = (shape[2] - 1) / 2 + Math.cos(angle) * down - Math.sin(angle) * right;
        return sample(x, b, c, row, (shape[3] - 1) / 2 + Math.sin(angle) * down + Math.cos(angle) * right);
      },
      2e-5,
    ),
  ),
  ...shapes.map((shape) =>
    augmentCase(
      "resized crop",
      shape,
      augment.resizedCrop({ area: [0.3, 0.9], ratio: 2 }),
      (x, u, b, c, r, q) => {
        const [, , h, w] = shape;
        const area = 0.3 + 0.6 * u(0);
        const ratio = 2 ** (2 * u(1) - 1);
        const [tall, wide] = [Math.min(h, h * Math.sqrt(area * ratio)), Math.min(w, w * Math.sqrt(area / ratio))];
        const row = u(2) * (h - tall) + ((r + 0.5) * tall) / h - 0.5;
        return sample(x, b, c, row, u(3) * (w - wide) + ((q + 0.5) * wide) / w - 0.5);
      },
      2e-5,
    ),
  ),
  ...colorShapes.map((shape) =>
    augmentCase(
      "colour jitter",
      shape,
      augment.colorJitter({ brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.2, p: 0.7 }),
      (x, u, b, c, r, q) => clamp(jitter(x, u, b, r, q, 0.4, 0.2, 0.7)[c], 1),
    ),
  ),
  ...colorShapes.map((shape) =>
    augmentCase("grayscale", shape, augment.grayscale({ p: 0.6 }), (x, u, b, c, r, q) =>
      u(5) < 0.6 ? grey(pixelOf(x, b, r, q)) : at(x, b, c, r, q),
    ),
  ),
  ...shapes.map((shape) =>
    augmentCase("cutout", shape, augment.cutout({ size: 3, value: 9 }), (x, u, b, c, r, q) => {
      const [top, left] = [Math.floor(u(0) * shape[2]) - 1, Math.floor(u(1) * shape[3]) - 1];
      return r >= top && r < top + 3 && q >= left && q < left + 3 ? 9 : at(x, b, c, r, q);
    }),
  ),
  ...[0, 1, 2, 3, 4].map((turns) => {
    const shape = [2, 2, 5, 5];
    return {
      name: `quarter turns ${turns}`,
      inputs: [{ shape, grad: false }],
      run: (x: Tensor) => augment.rotateQuarters(x, tensor(Int32Array.of(turns, 0))),
      reference: (x: Ref) => {
        const turn = (y: Ref) => build(shape, (b, c, r, q) => at(y, b, c, ...(b === 0 ? [q, 4 - r] : [r, q])));
        let y = x;
        for (let i = 0; i < turns; i++) y = turn(y);
        return y;
      },
    };
  }),
];
