import { downloadFile, isPage } from "../io/pickers.ts";
import { isLater, type SavePlace, savePieces } from "../io/places.ts";
import { nodeModule } from "../runtime/node_module.ts";
import { encodePNG, type Picture } from "./picture.ts";

/**
 * Writes a picture as a PNG file, atomically: on failure an existing file remains unchanged.
 *
 * @param place the path of a file (Node, Deno, Bun), which is written at once; in a page, a path starts a
 *   download of that name. Also a file that the browser keeps, such as "opfs:curve.png", or a
 *   `FileSystemFileHandle`; then the result is a promise.
 * @throws DataError when the file cannot be written; OptionError for a path in a worker of a page.
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
export function savePNG(place: SavePlace, picture: Picture): Promise<void>;
export function savePNG(path: string, picture: Picture): void;
export function savePNG(place: string | SavePlace, picture: Picture): void | Promise<void> {
  const png = encodePNG(picture);
  if (typeof place === "string" && !isLater(place) && !nodeModule("node:fs") && isPage()) {
    const name = place.split("/").at(-1) || "picture.png";
    downloadFile(new Blob([png], { type: "image/png" }), name);
    return;
  }
  return savePieces("savePNG", place, [png]);
}
