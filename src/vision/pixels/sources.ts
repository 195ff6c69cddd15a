import { describe } from "../../checks.ts";
import { DataError, OptionError } from "../../errors.ts";
import { kindOfTypedArray } from "../../typed_arrays.ts";

/** Pixels row by row, four bytes each: red, green, blue, alpha. A browser's `ImageData` is one. */
export interface PixelData {
  readonly data: Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}

/** The part of a canvas, or an `OffscreenCanvas`, that `fromPixels` uses. */
export interface PixelCanvas {
  readonly width: number;
  readonly height: number;
  getContext(type: "2d"): unknown;
}

/** What a canvas can draw: an `<img>`, an `ImageBitmap`, a `<video>`, a `VideoFrame`. */
export type PixelPicture =
  | { readonly width: number; readonly height: number }
  | { readonly displayWidth: number; readonly displayHeight: number };

interface Context {
  getImageData(x: number, y: number, width: number, height: number): PixelData;
  drawImage(picture: unknown, x: number, y: number, width: number, height: number): void;
}

const EXPECTED = "expected ImageData, a canvas, <img>, ImageBitmap, <video>, VideoFrame, or { data, width, height }";

/** The pixels of a source. A picture is drawn onto a canvas of the same size first. */
export function readPixels(op: string, source: unknown): PixelData {
  const { data, width, height } = (source ?? {}) as PixelData;
  if (typeof (source as PixelCanvas)?.getContext === "function") {
    const context = (source as PixelCanvas).getContext("2d") as Partial<Context> | null;
    if (context?.getImageData) return checkPixels(op, readContext(op, context as Context, width, height));
    return drawn(op, source, width, height, 'a canvas without a "2d" context'); // of WebGL or WebGPU
  }
  const kind = kindOfTypedArray(data);
  if (kind === "Uint8ClampedArray" || kind === "Uint8Array") return checkPixels(op, { data, width, height });
  const size = sizeOfPicture(op, source);
  if (!size) {
    throw new OptionError(`${op}: ${EXPECTED}, with bytes as data, got ${describe(source)}`);
  }
  return drawn(op, source, ...size, describe(source));
}

function checkPixels(op: string, { data, width, height }: PixelData): PixelData {
  if (![width, height].every((side) => Number.isInteger(side) && side > 0) || data.length !== 4 * width * height) {
    throw new OptionError(`${op}: expected 4 · width · height bytes, got ${data.length} for ${width} x ${height}`);
  }
  return { data, width, height };
}

/** Width and height of a picture in its own pixels; undefined for something else. */
function sizeOfPicture(op: string, source: unknown): [width: number, height: number] | undefined {
  if (typeof source !== "object" || source === null || "data" in source) return undefined;
  const fields = source as Record<string, unknown>;
  for (const prefix of ["natural", "video", "display", ""]) {
    const [width, height] = prefix ? [`${prefix}Width`, `${prefix}Height`] : ["width", "height"];
    if (!(width in fields)) continue;
    const size = [fields[width], fields[height]];
    if (size.every((side) => Number.isInteger(side) && (side as number) > 0)) return size as [number, number];
    const advice = { natural: "await image.decode() first", video: 'wait for the event "loadeddata" first' }[prefix];
    throw new OptionError(
      `${op}: expected a picture with pixels, got ${size.join(" x ")}${advice ? `: ${advice}` : ""}`,
    );
  }
  return undefined;
}

function drawn(op: string, picture: unknown, width: number, height: number, what: string): PixelData {
  if (typeof OffscreenCanvas === "undefined" && typeof document === "undefined") {
    throw new OptionError(`${op}: ${EXPECTED}, got ${what}, which only a browser's canvas can draw`);
  }
  const context = scratchContext(width, height);
  try {
    context.drawImage(picture, 0, 0, width, height);
  } catch (cause) {
    throw new OptionError(`${op}: ${EXPECTED}, got ${what}, which cannot be drawn: ${(cause as Error).message}`, {
      cause,
    });
  }
  return checkPixels(op, readContext(op, context, width, height));
}

/** A new canvas in the processor's memory, so that colours are not computed by the graphics card. */
function scratchContext(width: number, height: number): Context {
  const canvas =
    typeof OffscreenCanvas === "undefined"
      ? Object.assign(document.createElement("canvas"), { width, height })
      : new OffscreenCanvas(width, height);
  return canvas.getContext("2d", { willReadFrequently: true }) as unknown as Context;
}

function readContext(op: string, context: Context, width: number, height: number): PixelData {
  try {
    return context.getImageData(0, 0, width, height);
  } catch (cause) {
    throw new DataError(
      `${op}: the browser does not let this page read the picture (${(cause as Error).message}); if it comes from ` +
        'another origin, that server must send Access-Control-Allow-Origin, and <img> needs crossOrigin = "anonymous"',
      { cause },
    );
  }
}
