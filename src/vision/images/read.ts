import { describe } from "../../checks.ts";
import { OptionError } from "../../errors.ts";
import { fetchFor } from "../../io/fetch_file.ts";
import { readWholeFile } from "../../io/files.ts";
import { readFromBlob } from "../../io/pieces.ts";
import { isLater, type LoadPlace, openPlace } from "../../io/places.ts";
import { nodeModule } from "../../runtime/node_module.ts";
import { startingThreads } from "../../runtime/start_threads.ts";
import { type DecodeOptions, decodeNamed, readDecodeOptions } from "./decode.ts";
import type { DecodedImage } from "./decoded_image.ts";

/**
 * Reads a PNG, JPEG or WebP file as uint8 [C,H,W]. Matches `torchvision.io.read_image`, but asynchronous. See
 * `decodeImage`.
 *
 * @param path the path of a file; in a page, an address, relative to the page's. Everywhere also an address
 *   (a `URL`, or a text that begins with http), a `File` or `Blob`, a file that the browser keeps, such as
 *   "opfs:cat.png", or a `FileSystemFileHandle`
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
export async function readImage(path: string | LoadPlace, options?: DecodeOptions): Promise<DecodedImage> {
  const op = "readImage";
  const given = readDecodeOptions(op, options);
  if (!isLater(path)) {
    if (typeof path !== "string" || path === "") {
      throw new OptionError(`${op}: path expected the path of a file, got ${describe(path)}`);
    }
    if (nodeModule("node:fs")) return decodeNamed(path, readWholeFile(path), given);
  }
  return startingThreads(async () => {
    const { name, blob } = isLater(path) ? await openPlace(op, path) : { name: path, blob: await fetchFor(op, path) };
    return decodeNamed(name, await readFromBlob(op, blob, { begin: 0, end: blob.size }), given);
  });
}
