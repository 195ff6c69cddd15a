import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Tensor } from "wasmgrad";
import { imageGrid, savePNG } from "wasmgrad/plot";

/** Saves a grid of images [N,1,H,W] or [N,3,H,W] in [0, 1], with a column for each name. */
export function saveImages(out: string, file: string, columns: Record<string, Tensor>, perRow = 8): void {
  mkdirSync(out, { recursive: true });
  const named = Object.entries(columns).map(([label, images]) => ({ label, images }));
  savePNG(join(out, file), imageGrid(named, { perRow, scale: 3 }));
  console.log(`saved ${join(out, file)}`);
}
