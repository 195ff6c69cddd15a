import { checkInteger, checkNumber, describe, type Pair, readOptions } from "../checks.ts";
import { formatShape, OptionError, ShapeError } from "../errors.ts";
import { conv2d } from "../nn/functional/conv.ts";
import { pad } from "../nn/functional/pad.ts";
import { tensor } from "../tensor/creation.ts";
import { linspace } from "../tensor/fill.ts";
import { cat, where } from "../tensor/functions.ts";
import type { Generator } from "../tensor/generator.ts";
import { scope } from "../tensor/lifetime/scoped.ts";
import { rand, randn } from "../tensor/random.ts";
import { type Interpolation, makeResizer, type ResizeOptions } from "./geometry.ts";
import { asBatch, checkImageSize, cropImages, type ImageSize, roundHalfEven, sizeOfImages } from "./image_shape.ts";
import type { Transform } from "./transforms.ts";

/** Options of the transforms that draw random numbers. */
export interface RandomOptions {
  /** Default: the default generator, so `manualSeed` determines the results. */
  generator?: Generator;
}

type Interval = readonly [number, number];

function checkInterval(op: string, name: string, range: Interval, least: number, most = Infinity): [number, number] {
  if (!Array.isArray(range) || range.length !== 2) {
    throw new OptionError(`${op}: ${name} expected [least, most], got ${describe(range)}`);
  }
  const low = checkNumber(op, `${name}[0]`, range[0], least, most);
  return [low, checkNumber(op, `${name}[1]`, range[1], low, most)];
}

/** Number of areas that are tried for each image. */
const ATTEMPTS = 10;

interface Box {
  top: number;
  left: number;
  height: number;
  width: number;
}

/**
 * For each of `count` images, the first of ten random boxes that fits into it: the area is uniform in `scale`
 * times the image's, the logarithm of `aspect` is uniform. Null if none fits.
 *
 * @param shape the box's height and width for an area and an aspect
 */
function drawBoxes(
  [imageHeight, imageWidth]: readonly [number, number],
  count: number,
  { scale, ratio, generator }: { scale: Interval; ratio: Interval; generator: Generator | undefined },
  shape: (area: number, aspect: number) => [height: number, width: number],
  fits: (height: number, width: number) => boolean,
): (Box | null)[] {
  return scope(() => {
    const uniform = rand([3, count, ATTEMPTS], generator ? { generator } : {});
    const [low, high] = tensor([...ratio])
      .log()
      .data();
    const aspects = uniform
      .select(0, 1)
      .mul(high - low)
      .add(low)
      .exp()
      .data();
    const numbers = uniform.data();
    const size = count * ATTEMPTS;
    return Array.from({ length: count }, (_, image) => {
      for (let at = image * ATTEMPTS; at < (image + 1) * ATTEMPTS; at++) {
        const area = imageHeight * imageWidth * (scale[0] + (scale[1] - scale[0]) * numbers[at]);
        const [height, width] = shape(area, aspects[at]);
        if (height < 1 || width < 1 || !fits(height, width)) continue;
        // one number for both: all positions are equally likely
        const columns = imageWidth - width + 1;
        const position = Math.floor(numbers[2 * size + at] * (imageHeight - height + 1) * columns);
        return { top: Math.floor(position / columns), left: position % columns, height, width };
      }
      return null;
    });
  });
}

/** The largest central box whose aspect ratio, width over height, lies in the range. */
function centralBox([height, width]: readonly [number, number], [least, most]: Interval): Box {
  const aspect = width / height;
  const w = aspect > most ? roundHalfEven(height * most) : width;
  const h = aspect < least ? roundHalfEven(width / least) : height;
  return { top: Math.floor((height - h) / 2), left: Math.floor((width - w) / 2), height: h, width: w };
}

/**
 * Crops a random part of each image and resizes it. Matches `torchvision.transforms.v2.RandomResizedCrop`: up
 * to ten random areas and aspect ratios are tried; if none fits, the largest central part with an aspect
 * ratio in the range is used. Every image of a batch is cropped differently. `augment.resizedCrop` keeps the
 * images' size and draws by their index.
 *
 * @param size one number for both sides of the result, or [height, width]
 * @param options `scale`: range of the part's share of the area (default [0.08, 1]); `ratio`: range of width
 *   over height (default [3/4, 4/3]); `interpolation`, `antialias` as in `resize`; `generator` of the random
 *   numbers
 * @throws OptionError, ShapeError, DTypeError
 * @example
 * ```ts
 * import { rand } from "wasmgrad";
 * import { transforms } from "wasmgrad/vision";
 * console.log(transforms.randomResizedCrop(24)(rand([2, 3, 64, 96])).shape); // [2, 3, 24, 24]
 * ```
 */
export function randomResizedCrop(
  size: ImageSize,
  options?: ResizeOptions & RandomOptions & { scale?: Interval; ratio?: Interval },
): Transform {
  const op = "randomResizedCrop";
  const { interpolation, antialias, generator, ...ranges } = readOptions(op, options, {
    scale: [0.08, 1] as Interval,
    ratio: [3 / 4, 4 / 3] as Interval,
    interpolation: "bilinear" as Interpolation,
    antialias: true,
    generator: undefined as Generator | undefined,
  });
  const target = checkImageSize(op, size);
  const scale = checkInterval(op, "scale", ranges.scale, 0);
  const ratio = checkInterval(op, "ratio", ranges.ratio, 1e-6, 1e6);
  const resizer = makeResizer(op, { interpolation, antialias });
  const shape = (area: number, aspect: number): [number, number] => [
    roundHalfEven(Math.sqrt(area / aspect)),
    roundHalfEven(Math.sqrt(area * aspect)),
  ];
  return (images) => {
    const [height, width] = sizeOfImages(op, images);
    return asBatch(images, (batch) => {
      const [count] = batch.shape;
      if (count === 0) return resizer(batch, target);
      const fits = (h: number, w: number) => h <= height && w <= width;
      const boxes = drawBoxes([height, width], count, { scale, ratio, generator }, shape, fits);
      const parts = boxes.map((drawn, i) => {
        const box = drawn ?? centralBox([height, width], ratio);
        return resizer(cropImages(batch.narrow(0, i, 1), box.top, box.left, box.height, box.width), target);
      });
      return cat(parts, 0);
    });
  };
}

/**
 * Overwrites a random rectangle of each image, with probability `p`. Matches
 * `torchvision.transforms.v2.RandomErasing`: up to ten areas and aspect ratios are tried; if none is smaller
 * than the image in both directions, nothing is overwritten. Every image of a batch is drawn separately.
 *
 * see: Zhong, Zheng, Kang, Li, Yang, "Random Erasing Data Augmentation", 2017
 *
 * @param options `p` (default 0.5); `scale`: range of the rectangle's share of the area (default [0.02,
 *   0.33]); `ratio`: range of height over width (default [0.3, 3.3]); `value`: a number, one number per
 *   channel, or "random" for normal noise (default 0); `generator` of the random numbers
 * @throws OptionError, ShapeError, DTypeError
 * @example
 * ```ts
 * import { ones } from "wasmgrad";
 * import { transforms } from "wasmgrad/vision";
 * const erase = transforms.randomErasing({ p: 1, scale: [0.25, 0.25], ratio: [1, 1] });
 * console.log(erase(ones([1, 8, 8])).sum().item()); // 48
 * ```
 */
export function randomErasing(
  options?: RandomOptions & {
    p?: number;
    scale?: Interval;
    ratio?: Interval;
    value?: number | readonly number[] | "random";
  },
): Transform {
  const op = "randomErasing";
  const { p, value, generator, ...ranges } = readOptions(op, options, {
    p: 0.5,
    scale: [0.02, 0.33] as Interval,
    ratio: [0.3, 3.3] as Interval,
    value: 0 as number | readonly number[] | "random",
    generator: undefined as Generator | undefined,
  });
  checkNumber(op, "p", p, 0, 1);
  const scale = checkInterval(op, "scale", ranges.scale, 0, 1);
  const ratio = checkInterval(op, "ratio", ranges.ratio, 1e-6, 1e6);
  const values =
    value === "random" ? null : (Array.isArray(value) ? value : [value]).map((v) => checkNumber(op, "value", v));
  const shape = (area: number, aspect: number): [number, number] => [
    roundHalfEven(Math.sqrt(area * aspect)),
    roundHalfEven(Math.sqrt(area / aspect)),
  ];
  const drawn = generator ? { generator } : {};
  return (images) => {
    const [height, width] = sizeOfImages(op, images);
    const channels = images.shape[images.dim() - 3];
    if (values && values.length !== 1 && values.length !== channels) {
      throw new ShapeError(`${op}: value expected 1 or ${channels} numbers for ${formatShape(images.shape)}`);
    }
    return asBatch(images, (batch) => {
      const [count] = batch.shape;
      const chosen = scope(() => rand([count], drawn).data());
      const fits = (h: number, w: number) => h < height && w < width;
      const boxes = drawBoxes([height, width], count, { scale, ratio, generator }, shape, fits);
      const inside = (length: number, start: "top" | "left", extent: "height" | "width", dims: number[]) => {
        const flags = boxes.flatMap((box, i) =>
          Array.from({ length }, (_, at) =>
            Number(box !== null && chosen[i] < p && at >= box[start] && at < box[start] + box[extent]),
          ),
        );
        return tensor(Float32Array.from(flags), { shape: dims });
      };
      const rows = inside(height, "top", "height", [count, 1, height, 1]);
      const columns = inside(width, "left", "width", [count, 1, 1, width]);
      const filling = values ? tensor(values).reshape([1, values.length, 1, 1]) : randn(batch.shape, drawn);
      return where(rows.mul(columns).gt(0), filling, batch);
    });
  };
}

/**
 * Blurs images with a Gaussian, whose weights add up to 1. The border is reflected. Matches
 * `torchvision.transforms.v2.GaussianBlur`. Every image of a batch is blurred with another `sigma`.
 *
 * @param kernelSize an odd number of pixels, or [width, height] as in torchvision; less than twice the
 *   image's side
 * @param options `sigma`: the standard deviation in pixels, or its range (default [0.1, 2]); `generator` of
 *   the random numbers
 * @throws OptionError, ShapeError, DTypeError
 * @example
 * ```ts
 * import { ones } from "wasmgrad";
 * import { transforms } from "wasmgrad/vision";
 * console.log(transforms.gaussianBlur(5, { sigma: 1.5 })(ones([3, 8, 8])).mean().item().toFixed(4)); // 1.0000
 * ```
 */
export function gaussianBlur(kernelSize: Pair, options?: RandomOptions & { sigma?: number | Interval }): Transform {
  const op = "gaussianBlur";
  const { sigma, generator } = readOptions(op, options, {
    sigma: [0.1, 2] as number | Interval,
    generator: undefined as Generator | undefined,
  });
  const [low, high] = checkInterval(op, "sigma", typeof sigma === "number" ? [sigma, sigma] : sigma, 1e-6);
  const [across, down] = (Array.isArray(kernelSize) ? kernelSize : [kernelSize, kernelSize]).map((size) => {
    if (checkInteger(op, "kernelSize", size, 1) % 2 === 1) return size;
    throw new OptionError(`${op}: kernelSize expected odd integers, got ${describe(kernelSize)}`);
  });
  return (images) => {
    const [height, width] = sizeOfImages(op, images);
    return asBatch(images, (batch) => {
      const [count, channels] = batch.shape;
      if (count === 0) return batch;
      const sigmas =
        low === high
          ? tensor(new Array<number>(count).fill(low))
          : rand([count], generator ? { generator } : {})
              .mul(high - low)
              .add(low);
      const kernels = (size: number) => {
        const steps = linspace(-(size - 1) / 2, (size - 1) / 2, size).div(sigmas.reshape([count, 1]));
        return steps.square().mul(-0.5).softmax(1).repeatInterleave(channels, 0);
      };
      const planes = count * channels;
      const [x, y] = [(across - 1) / 2, (down - 1) / 2];
      const padded = pad(batch, [x, x, y, y], { mode: "reflect" }).reshape([1, planes, height + 2 * y, width + 2 * x]);
      const wide = conv2d(padded, kernels(across).reshape([planes, 1, 1, across]), null, { groups: planes });
      const blurred = conv2d(wide, kernels(down).reshape([planes, 1, down, 1]), null, { groups: planes });
      return blurred.reshape(batch.shape);
    });
  };
}
