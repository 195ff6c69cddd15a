import { DataError } from "../../errors.ts";
import { readPixels } from "../pixels/sources.ts";
import type { DecodeOptions } from "./decode.ts";
import type { Pixels } from "./decoded_image.ts";
import type { FormatInfo } from "./formats.ts";

/** Decodes a JPEG or WebP file by the browser, without its colour profile. */
export async function decodeByBrowser(
  name: string,
  bytes: Uint8Array,
  { format, channels }: FormatInfo,
  { applyExifOrientation }: Required<DecodeOptions>,
): Promise<Pixels> {
  // browsers do not all obey the options below, so a JPEG file is decoded without what they would apply
  const parts = format === "JPEG" ? withoutSegments(bytes, applyExifOrientation ? [ICC] : [EXIF, ICC]) : [bytes];
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(
      new Blob(parts as Uint8Array<ArrayBuffer>[], { type: `image/${format.toLowerCase()}` }),
      {
        colorSpaceConversion: "none",
        premultiplyAlpha: "none",
      },
    );
  } catch (cause) {
    throw new DataError(`${name}: not a complete ${format} file: ${(cause as Error)?.message ?? cause}`, { cause });
  }
  try {
    return { ...readPixels(name, bitmap), stride: 4, channels };
  } finally {
    bitmap.close();
  }
}

/** Markers of the segments with the EXIF orientation and with the colour profile. */
const [EXIF, ICC] = [0xe1, 0xe2];
const START_OF_SCAN = 0xda;

/** The parts of a JPEG file between the segments that have one of the markers. */
function withoutSegments(bytes: Uint8Array, markers: readonly number[]): Uint8Array[] {
  const parts: Uint8Array[] = [];
  let from = 0;
  for (let at = 2; at + 4 <= bytes.length && bytes[at] === 0xff && bytes[at + 1] !== START_OF_SCAN; ) {
    if (bytes[at + 1] === 0xff) {
      at++; // a byte that fills the space before a marker
      continue;
    }
    const end = at + 2 + (bytes[at + 2] << 8) + bytes[at + 3];
    if (markers.includes(bytes[at + 1])) {
      parts.push(bytes.subarray(from, at));
      from = end;
    }
    at = end;
  }
  return [...parts, bytes.subarray(from)];
}
