import { checkBoolean, checkChoice, readOptions } from "../../checks.ts";
import { DataError } from "../../errors.ts";
import { type BlobLike, isBlob, readFromBlob } from "../../io/pieces.ts";
import { nodeModule } from "../../runtime/node_module.ts";
import { startingThreads } from "../../runtime/start_threads.ts";
import { type Bytes, viewBytes } from "../../typed_arrays.ts";
import { decodeByBrowser } from "./browser_decoder.ts";
import { codecError, loadCodec, runCodec } from "./codecs.ts";
import { type DecodedImage, type ImageMode, type Pixels, toPlanes } from "./decoded_image.ts";
import { type FormatInfo, readFormat } from "./formats.ts";
import { decodePng } from "./png.ts";

export interface DecodeOptions {
  /**
   * "unchanged" (the default): the channels of the file; "rgb": red, green and blue; "gray": brightness
   * `0.299 r + 0.587 g + 0.114 b`. The last two drop alpha.
   */
  mode?: ImageMode;
  /** Whether a JPEG image is turned as its EXIF orientation says. Default false, as in torchvision. */
  applyExifOrientation?: boolean;
}

/**
 * Decodes a PNG, JPEG or WebP file to uint8 [C,H,W]. Matches `torchvision.io.decode_image`, but asynchronous.
 * PNG is decoded by the library: palettes become colours, and of 16 bits the upper 8 are taken. Colour
 * profiles are ignored.
 *
 * In Node, Deno and Bun, JPEG needs the package `@jsquash/jpeg`, WebP `@jsquash/webp`. In a page the browser
 * decodes these formats. Browsers may differ by a few units of 255, and colours of translucent pixels are
 * rounded; for the bits of Node, pass the result of `decode` of these packages to `fromPixels`.
 *
 * @param bytes the file: a Uint8Array, an ArrayBuffer, a DataView, a Blob or a File.
 * @throws DataError for a file that is empty, truncated, corrupt or of another format; WasmgradError when the
 *   package is not installed.
 * @example
 * ```ts
 * import { decodeImage, encodePNG, Picture } from "wasmgrad/vision";
 * const image = await decodeImage(encodePNG(new Picture(4, 2)));
 * console.log(image.shape, image.data[0], image.toTensor().mean().item()); // [3, 2, 4] 255 1
 * ```
 */
export async function decodeImage(bytes: Bytes | BlobLike, options?: DecodeOptions): Promise<DecodedImage> {
  const given = readDecodeOptions("decodeImage", options);
  return startingThreads(async () => decodeNamed(...(await readImageFile("decodeImage", bytes)), given));
}

/** A file's name for errors, and its bytes. */
export async function readImageFile(op: string, file: Bytes | BlobLike): Promise<[name: string, bytes: Uint8Array]> {
  if (!isBlob(file)) return [op, viewBytes(op, file)];
  const { name } = file as { name?: string };
  return [name || op, await readFromBlob(op, file, { begin: 0, end: file.size })];
}

/** Checks options and fills in defaults. */
export function readDecodeOptions(op: string, options?: DecodeOptions): Required<DecodeOptions> {
  const given = readOptions(op, options, { mode: "unchanged" as ImageMode, applyExifOrientation: false });
  checkChoice(op, "mode", given.mode, ["unchanged", "gray", "rgb"]);
  checkBoolean(op, "applyExifOrientation", given.applyExifOrientation);
  return given;
}

/** Loads the decoder and decodes. `name` is the file's name in errors. */
export async function decodeNamed(
  name: string,
  bytes: Uint8Array,
  options: Required<DecodeOptions>,
): Promise<DecodedImage> {
  const format = readFormat(bytes)?.format;
  if (format === "JPEG" || format === "WebP") {
    // a page may have its own files, but only Node, Deno and Bun load packages
    if (!nodeModule("node:module") && typeof createImageBitmap === "function") {
      return toPlanes(await decodeByBrowser(name, bytes, checkedFormat(name, bytes), options), options.mode);
    }
    try {
      await loadCodec(format);
    } catch (cause) {
      throw codecError(name, format, cause);
    }
  }
  return decodeLoaded(name, bytes, options);
}

/** Decodes at once. The decoders of JPEG and WebP must have been loaded by `loadCodec`. */
export function decodeLoaded(name: string, bytes: Uint8Array, options: Required<DecodeOptions>): DecodedImage {
  const info = checkedFormat(name, bytes);
  const pixels = info.format === "PNG" ? readPng(name, bytes) : readWithCodec(name, bytes, info, options);
  return toPlanes(pixels, options.mode);
}

function checkedFormat(name: string, bytes: Uint8Array): FormatInfo {
  const info = readFormat(bytes);
  if (!info) throw new DataError(`${name}: expected a PNG, JPEG or WebP file, got ${describeStart(bytes)}`);
  if (info.problem) throw new DataError(`${name}: ${info.problem}`);
  return info;
}

function describeStart(bytes: Uint8Array): string {
  if (bytes.length === 0) return "an empty file";
  const start = Array.from(bytes.subarray(0, 8), (byte) => byte.toString(16).padStart(2, "0"));
  return `${bytes.length} bytes that begin with ${start.join(" ")}`;
}

function readPng(name: string, bytes: Uint8Array): Pixels {
  try {
    return decodePng(bytes);
  } catch (cause) {
    throw new DataError(`${name}: not a complete PNG file: ${(cause as Error)?.message ?? cause}`, { cause });
  }
}

function readWithCodec(name: string, bytes: Uint8Array, info: FormatInfo, options: Required<DecodeOptions>): Pixels {
  const format = info.format as "JPEG" | "WebP";
  const result = runCodec(format, bytes, options.applyExifOrientation);
  if (!result) throw codecError(name, format);
  const { decoded } = result;
  // the decoder fills what is missing with grey; bytes between two segments do no harm
  const harm = result.messages.find((message) => /premature end|corrupt/i.test(message) && !/extraneous/.test(message));
  if (!decoded || harm) {
    const reason = harm ?? result.messages[0];
    throw new DataError(`${name}: not a complete ${format} file${reason ? `: ${reason}` : ""}`);
  }
  const { width, height, data } = decoded;
  return { width, height, data, stride: 4, channels: info.channels };
}
