/**
 * Writes the drawings of the chapters, docs/drawings/*.svg. The numbers in them are computed; a test compares
 * them with the library's results. The charts of the ladders are written by `npm run ladder`.
 * usage: npm run drawings
 */
import { writeFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { im2col, nchw, windows } from "./convolution.ts";
import { backward, tiles, transposed } from "./gradients.ts";
import { blocks, lanes, latency } from "./processor.ts";
import type { Drawing } from "./svg.ts";

/** The drawings, by the names of their files. */
export const drawings: Record<string, () => Drawing> = {
  lanes,
  nchw,
  windows,
  im2col,
  blocks,
  latency,
  tiles,
  transposed,
  backward,
};

export const fileOf = (name: string) => fileURLToPath(new URL(`../../docs/drawings/${name}.svg`, import.meta.url));

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  for (const [name, draw] of Object.entries(drawings)) writeFileSync(fileOf(name), draw().toString());
}
