import { checkInteger, describe, readOptions } from "../checks.ts";
import { DTypeError, formatShape, OptionError, ShapeError } from "../errors.ts";
import { expectTensor } from "../tensor/apply.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { textWidth } from "./font.ts";
import { type Color, Picture, textHeight } from "./picture.ts";

/** A column of a grid: images `[N,3,H,W]` or `[N,1,H,W]` (grey) with values in [0,1]. */
export interface ImageColumn {
  label: string;
  images: Tensor;
}

export interface ImageGridOptions {
  /** Width and height of an image's pixel in the picture. Default 4. */
  scale?: number;
  /** Number of samples shown side by side in one row of the grid, each with all columns. Default 1. */
  perRow?: number;
}

/** NaN is shown in magenta, which images rarely contain. */
const NAN_COLOR: Color = [255, 0, 255];
const GAP = 6;
const GROUP_GAP = 22;
const LABEL_SCALE = 2;

/**
 * A labelled grid of images: columns are side by side, and each row shows the image with the same index from
 * every column (original | masked | reconstructed). Pixels are repeated, so that small images are enlarged
 * without blur. Values outside [0,1] are clamped; NaN is shown in magenta.
 *
 * @throws ShapeError when the columns differ in shape or are not images.
 * @example
 * ```ts
 * import { zeros } from "wasmgrad";
 * import { imageGrid } from "wasmgrad/vision";
 * const images = zeros([2, 3, 8, 8]);
 * const grid = imageGrid([{ label: "original", images }, { label: "masked", images }], { scale: 8 });
 * console.log(grid.width, grid.height);
 * ```
 */
export function imageGrid(columns: readonly ImageColumn[], options?: ImageGridOptions): Picture {
  const op = "imageGrid";
  const { scale, perRow } = readOptions(op, options, { scale: 4, perRow: 1 });
  checkInteger(op, "scale", scale, 1, 64);
  checkInteger(op, "perRow", perRow, 1);
  if (!Array.isArray(columns)) {
    throw new OptionError(`${op}: columns expected an array of { label, images }, got ${describe(columns)}`);
  }
  for (const [i, column] of columns.entries()) expectTensor(op, `images of column ${i}`, column?.images);
  if (columns.length === 0) throw new OptionError(`${op}: expected at least one column`);
  const [count, , height, width] = checkColumns(op, columns);

  const labelHeight = textHeight(LABEL_SCALE) + GAP;
  const cell = Math.max(width * scale, ...columns.map(({ label }) => textWidth(label, LABEL_SCALE)));
  const rowHeight = height * scale + GAP;
  const groupWidth = columns.length * (cell + GAP) - GAP;
  const groups = Math.max(1, Math.min(perRow, count));
  const rows = Math.ceil(count / groups);
  const picture = new Picture(
    2 * GAP + groups * (groupWidth + GROUP_GAP) - GROUP_GAP,
    GAP + labelHeight + rows * rowHeight,
  );

  columns.forEach(({ label, images }, column) => {
    const data = images.data();
    const left = (group: number) => GAP + group * (groupWidth + GROUP_GAP) + column * (cell + GAP);
    for (let group = 0; group < groups; group++) {
      picture.text(label, left(group) + Math.floor(cell / 2), GAP, { scale: LABEL_SCALE, align: "center" });
    }
    const inset = Math.floor((cell - width * scale) / 2);
    for (let n = 0; n < count; n++) {
      const x0 = left(n % groups) + inset;
      const y0 = GAP + labelHeight + Math.floor(n / groups) * rowHeight;
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          const color = pixelColor(data, n, images.shape[1], height * width, y * width + x);
          picture.fillRect(x0 + x * scale, y0 + y * scale, scale, scale, color);
        }
      }
    }
  });
  return picture;
}

function checkColumns(op: string, columns: readonly ImageColumn[]): readonly number[] {
  const { shape } = columns[0].images;
  for (const { label, images } of columns) {
    if (images.dtype !== "float32") throw new DTypeError(`${op}: "${label}" expected float32, got ${images.dtype}`);
    if (images.shape.length !== 4 || ![1, 3].includes(images.shape[1]) || images.shape[2] * images.shape[3] === 0) {
      throw new ShapeError(
        `${op}: "${label}" expected images [N,3,H,W] or [N,1,H,W], got ${formatShape(images.shape)}`,
      );
    }
    // a grey column may be combined with columns in colour
    if ([0, 2, 3].some((dim) => images.shape[dim] !== shape[dim])) {
      throw new ShapeError(
        `${op}: "${label}" has shape ${formatShape(images.shape)}, "${columns[0].label}" has ${formatShape(shape)}`,
      );
    }
  }
  return shape;
}

function pixelColor(data: ArrayLike<number>, n: number, channels: number, plane: number, pixel: number): Color {
  const byte = (channel: number) => {
    const value = data[(n * channels + channel) * plane + pixel];
    return Math.round(Math.min(1, Math.max(0, value)) * 255);
  };
  const color: Color = channels === 3 ? [byte(0), byte(1), byte(2)] : [byte(0), byte(0), byte(0)];
  return color.some(Number.isNaN) ? NAN_COLOR : color;
}
