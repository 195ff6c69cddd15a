/** What the first bytes of a file say. */
export interface FormatInfo {
  format: "PNG" | "JPEG" | "WebP";
  /** Channels of the file: 1 (gray), 3 (red, green, blue) or 4 (with alpha, or the four inks of a JPEG). */
  channels: 1 | 3 | 4;
  /** Why the file cannot be complete or is not supported. */
  problem?: string;
}

const startsWith = (bytes: Uint8Array, start: readonly number[], at = 0) =>
  start.every((byte, i) => bytes[at + i] === byte);

const letters = (text: string) => Array.from(text, (letter) => letter.charCodeAt(0));

/** Reads the format of an image file. Undefined for anything but PNG, JPEG and WebP. */
export function readFormat(bytes: Uint8Array): FormatInfo | undefined {
  if (startsWith(bytes, [0x89, ...letters("PNG\r\n\x1a\n")])) return { format: "PNG", channels: 3 };
  if (startsWith(bytes, [0xff, 0xd8, 0xff])) return readJpegHeader(bytes);
  if (startsWith(bytes, letters("RIFF")) && startsWith(bytes, letters("WEBP"), 8)) return readWebpHeader(bytes);
  return undefined;
}

/** see: https://www.w3.org/Graphics/JPEG/itu-t81.pdf, annex B */
function readJpegHeader(bytes: Uint8Array): FormatInfo {
  for (let at = 2; at + 9 < bytes.length; ) {
    if (bytes[at] !== 0xff) break;
    const marker = bytes[at + 1];
    if (marker === 0xff) {
      at++; // a byte that fills the space before a marker
      continue;
    }
    const beginsFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (beginsFrame) {
      const channels = bytes[at + 9];
      if (channels === 1 || channels === 3) return { format: "JPEG", channels };
      return { format: "JPEG", channels: 4, problem: `a JPEG file of ${channels} channels (CMYK) is not supported` };
    }
    at += 2 + (bytes[at + 2] << 8) + bytes[at + 3];
  }
  return { format: "JPEG", channels: 3 };
}

/** see: https://developers.google.com/speed/webp/docs/riff_container */
function readWebpHeader(bytes: Uint8Array): FormatInfo {
  if (bytes.length < 30) return { format: "WebP", channels: 3, problem: "not a complete WebP file" };
  const expected = 8 + new DataView(bytes.buffer, bytes.byteOffset).getUint32(4, true);
  if (bytes.length < expected) {
    const problem = `not a complete WebP file: expected ${expected} bytes, got ${bytes.length}`;
    return { format: "WebP", channels: 3, problem };
  }
  const isExtended = startsWith(bytes, letters("VP8X"), 12);
  if (isExtended && bytes[20] & 0x02) {
    return { format: "WebP", channels: 4, problem: "an animated WebP file is not supported" };
  }
  const hasAlpha = isExtended ? bytes[20] & 0x10 : startsWith(bytes, letters("VP8L"), 12) && bytes[24] & 0x10;
  return { format: "WebP", channels: hasAlpha ? 4 : 3 };
}
