import { ImageDataset, masks, transforms } from "wasmgrad/vision";
import { at, build, type OpCase } from "../case.ts";

const shapes = [
  [1, 1, 1],
  [3, 5, 7],
  [2, 1, 4],
  [2, 3, 4, 5],
  [1, 1, 33, 1],
  [0, 2, 3, 3],
];

const mean = [0.5, -0.25, 1];
const std = [0.5, 2, -0.25];

export const normalizeCases: OpCase[] = shapes.map((shape) => {
  const channels = shape[shape.length - 3];
  return {
    name: `normalize [${shape}]`,
    inputs: [{ shape }],
    run: (x) => transforms.normalize(mean.slice(0, channels), std.slice(0, channels))(x),
    reference: (x) =>
      build(shape, (...index) => (at(x, ...index) - mean[index[index.length - 3]]) / std[index[index.length - 3]]),
  };
});

const byteAt = (n: number, c: number, i: number) => (n * 91 + c * 57 + i * 13) % 256;

/** Batches gathered from uint8 images, by planes or by pixels. */
export const gatherImagesCases: OpCase[] = (["CHW", "HWC"] as const).flatMap((layout) =>
  [
    { shape: [1, 1, 1, 1], indices: [0] },
    { shape: [3, 2, 3, 5], indices: [2, 0, 2, 1] },
    { shape: [2, 3, 4, 4], indices: [1] },
    { shape: [5, 1, 1, 19], indices: [4, 3] },
    { shape: [2, 3, 4, 4], indices: [] },
  ].map(({ shape, indices }) => {
    const [n, c, h, w] = shape;
    const pixels = build([n, h * w * c], (image, i) =>
      layout === "CHW" ? byteAt(image, Math.floor(i / (h * w)), i % (h * w)) : byteAt(image, i % c, Math.floor(i / c)),
    );
    return {
      name: `gather ${layout} [${shape}] at [${indices}]`,
      inputs: [],
      run: () => {
        const transform = transforms.normalize(mean.slice(0, c), std.slice(0, c));
        const set = ImageDataset.fromBytes(Uint8Array.from(pixels.data), { shape, layout, transform });
        const [batch] = set.batch(indices);
        set.release();
        return batch;
      },
      reference: () =>
        build(
          [indices.length, c, h, w],
          (b, channel, y, x) => (byteAt(indices[b], channel, y * w + x) / 255 - mean[channel]) / std[channel],
        ),
    };
  }),
);

/** Hides everything, pixel by pixel and as a block. */
export const maskCases: OpCase[] = shapes.flatMap((shape) => {
  const [h, w] = shape.slice(-2);
  const blank = () => build(shape, () => 0);
  return [
    {
      name: `randomPixels [${shape}]`,
      inputs: [],
      run: () => masks.randomPixels(shape, { ratio: 1 }),
      reference: blank,
    },
    {
      name: `centerBlock [${shape}]`,
      inputs: [],
      run: () => masks.centerBlock(shape, { size: [h, w] }),
      reference: blank,
    },
    {
      name: `randomBlocks [${shape}]`,
      inputs: [],
      run: () => masks.randomBlocks(shape, { size: [h, w], count: 3 }),
      reference: blank,
    },
  ];
});
