import { writeFileAtomically } from "../io/files.ts";
import { encodePNG, type Picture } from "./picture.ts";

/**
 * Writes a picture as a PNG file, atomically: on failure an existing file remains unchanged. Node only.
 *
 * @throws DataError when the file cannot be written.
 * @example
 * ```ts
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { Picture, savePNG } from "wasmgrad/vision";
 * const picture = new Picture(80, 20);
 * picture.text("hello", 4, 6);
 * savePNG(join(tmpdir(), "wasmgrad-example.png"), picture);
 * console.log("saved");
 * ```
 */
export function savePNG(path: string, picture: Picture): void {
  writeFileAtomically(path, [encodePNG(picture)]);
}
