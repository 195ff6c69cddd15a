/** Writes the inputs that all sides share: weights, images and masks, in one safetensors file. */
import { manualSeed, rand } from "wasmgrad";
import { saveSafetensors } from "wasmgrad/io";
import { InpaintingAutoencoder } from "../../examples/inpainting/model.ts";

export function writeInputs(path: string, images: number): void {
  manualSeed(3);
  const model = new InpaintingAutoencoder();
  const shape = [images, 3, 32, 32];
  const mask = rand(shape).gt(0.5).float();
  saveSafetensors(path, { ...model.stateDict(), images: rand(shape), mask });
}
