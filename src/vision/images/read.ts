import { describe } from "../../checks.ts";
import { OptionError } from "../../errors.ts";
import { readWholeFile } from "../../io/files.ts";
import { type DecodeOptions, decodeNamed, readDecodeOptions } from "./decode.ts";
import type { DecodedImage } from "./decoded_image.ts";

/**
 * Reads a PNG, JPEG or WebP file as uint8 [C,H,W]. Matches `torchvision.io.read_image`, but asynchronous. See
 * `decodeImage`.
 *
 * @throws DataError, which names the file, when it is missing, empty, truncated, corrupt or of another
 *   format; WasmgradError when the package that decodes it is not installed.
 * @example
 * ```ts
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { Picture, readImage, savePNG } from "wasmgrad/vision";
 * const path = join(tmpdir(), "wasmgrad-read-image.png");
 * savePNG(path, new Picture(4, 2));
 * console.log((await readImage(path, { mode: "gray" })).shape); // [1, 2, 4]
 * ```
 */
export async function readImage(path: string, options?: DecodeOptions): Promise<DecodedImage> {
  const given = readDecodeOptions("readImage", options);
  if (typeof path !== "string" || path === "") {
    throw new OptionError(`readImage: path expected the path of a file, got ${describe(path)}`);
  }
  return decodeNamed(path, readWholeFile(path), given);
}
