import { encode } from "fast-png";
import { OptionError } from "../errors.ts";
import { ADVANCE, GLYPH_HEIGHT, GLYPH_WIDTH, glyph, textWidth } from "./font.ts";

/** Red, green and blue, 0 to 255. */
export type Color = readonly [number, number, number];

export const WHITE: Color = [255, 255, 255];
const INK: Color = [34, 38, 46];

/** Alignment of a text relative to its x coordinate. */
export type Align = "left" | "center" | "right";

/** A picture of 8-bit RGB pixels, row by row, with the drawing functions that grids and charts need. */
export class Picture {
  readonly width: number;
  readonly height: number;
  /** `height * width * 3` bytes. */
  readonly data: Uint8Array;

  constructor(width: number, height: number, background: Color = WHITE) {
    this.width = width;
    this.height = height;
    this.data = new Uint8Array(width * height * 3);
    this.fillRect(0, 0, width, height, background);
  }

  /** Fills a rectangle. Parts outside the picture are ignored. */
  fillRect(x: number, y: number, width: number, height: number, color: Color): void {
    for (let row = Math.max(0, y); row < Math.min(this.height, y + height); row++) {
      for (let column = Math.max(0, x); column < Math.min(this.width, x + width); column++) {
        this.data.set(color, (row * this.width + column) * 3);
      }
    }
  }

  /** Blends a colour into one pixel. Coverage 0 leaves the pixel unchanged, 1 replaces it. */
  blend(x: number, y: number, color: Color, coverage: number): void {
    if (x < 0 || y < 0 || x >= this.width || y >= this.height) return;
    const at = (y * this.width + x) * 3;
    for (let c = 0; c < 3; c++) {
      this.data[at + c] = Math.round(this.data[at + c] + (color[c] - this.data[at + c]) * coverage);
    }
  }

  /** Writes text with its upper edge at y. Each font pixel is a square of `scale` pixels. */
  text(text: string, x: number, y: number, options: { scale?: number; color?: Color; align?: Align } = {}): void {
    const { scale = 1, color = INK, align = "left" } = options;
    const width = textWidth(text, scale);
    const left = align === "left" ? x : align === "center" ? x - Math.floor(width / 2) : x - width;
    [...text].forEach((character, i) => {
      glyph(character).forEach((row, dy) => {
        for (let dx = 0; dx < GLYPH_WIDTH; dx++) {
          if (row[dx] === "#") {
            this.fillRect(left + (i * ADVANCE + dx) * scale, y + dy * scale, scale, scale, color);
          }
        }
      });
    });
  }

  /** A copy rotated by 90 degrees to the left, so that text reads upwards. */
  rotatedLeft(): Picture {
    const out = new Picture(this.height, this.width);
    for (let y = 0; y < this.height; y++) {
      for (let x = 0; x < this.width; x++) {
        const from = (y * this.width + x) * 3;
        out.data.set(this.data.subarray(from, from + 3), ((this.width - 1 - x) * out.width + y) * 3);
      }
    }
    return out;
  }

  /** What notebooks show (Deno's kernel for Jupyter): the picture. */
  [Symbol.for("Jupyter.display")](): { "text/plain": string; "image/png": string } {
    const binary = Array.from(encodePNG(this), (byte) => String.fromCharCode(byte)).join("");
    return { "text/plain": `Picture ${this.width} x ${this.height}`, "image/png": btoa(binary) };
  }

  /**
   * Copies another picture into this one, with its upper left corner at (x, y). The other picture must fit.
   */
  paste(other: Picture, x: number, y: number): void {
    for (let row = 0; row < other.height; row++) {
      const from = row * other.width * 3;
      this.data.set(other.data.subarray(from, from + other.width * 3), ((y + row) * this.width + x) * 3);
    }
  }
}

/** Height of a line of text in pixels. */
export function textHeight(scale: number): number {
  return GLYPH_HEIGHT * scale;
}

/**
 * Encodes a picture as a PNG file.
 *
 * @example
 * ```ts
 * import { encodePNG, Picture } from "wasmgrad/vision";
 * const picture = new Picture(80, 20);
 * picture.text("hello", 4, 6);
 * console.log(encodePNG(picture).length > 8); // true
 * ```
 */
export function encodePNG(picture: Picture): ReturnType<Uint8ArrayConstructor["of"]> {
  if (!(picture instanceof Picture)) throw new OptionError(`encodePNG: expected a Picture, got ${typeof picture}`);
  const { width, height, data } = picture;
  return encode({ width, height, data, channels: 3, depth: 8 }) as ReturnType<Uint8ArrayConstructor["of"]>;
}
