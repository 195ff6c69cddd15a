/**
 * Writes JPEG files of 160 x 160 pixels into ten folders, one for each class: the images of the CIFAR-10
 * sample, enlarged, each in several versions with different noise. The same files each time.
 * usage: node examples/image_folder/make_photos.mjs FOLDER [COUNT, default 20000]
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import encode, { init } from "@jsquash/jpeg/encode.js";
import { manualSeed, nn, randn, scope } from "wasmgrad";
import { CIFAR10 } from "wasmgrad/vision";

const SIZE = 160;

/** Writes `count` files below `folder`. */
export async function makePhotos(folder, count) {
  const wasm = fileURLToPath(import.meta.resolve("@jsquash/jpeg/codec/enc/mozjpeg_enc.wasm"));
  await init(await WebAssembly.compile(readFileSync(wasm)));
  const sample = await CIFAR10.sample();
  manualSeed(0);
  for (const name of sample.classes) mkdirSync(join(folder, name), { recursive: true });
  for (let i = 0; i < count; i++) {
    const [pixels, label] = scope(() => {
      const [image, label] = sample.get(i % sample.length);
      const large = nn.functional.interpolate(image.unsqueeze(0), { size: [SIZE, SIZE], mode: "bilinear" });
      const noisy = large.add(randn(large.shape).mul(0.03)).clamp({ min: 0, max: 1 }).mul(255).round();
      return [noisy.squeeze(0).permute([1, 2, 0]).data(), label];
    });
    const data = new Uint8ClampedArray(SIZE * SIZE * 4).fill(255);
    for (let p = 0; p < SIZE * SIZE; p++) data.set(pixels.subarray(3 * p, 3 * p + 3), 4 * p);
    const settings = { quality: 80, progressive: false, optimize_coding: false, trellis_multipass: false };
    const jpeg = await encode({ data, width: SIZE, height: SIZE, colorSpace: "srgb" }, settings);
    const file = `${String(i).padStart(6, "0")}.jpg`;
    writeFileSync(join(folder, sample.classes[label], file), new Uint8Array(jpeg));
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [folder, count = "20000"] = process.argv.slice(2);
  if (!folder) throw new Error("usage: node examples/image_folder/make_photos.mjs FOLDER [COUNT]");
  await makePhotos(folder, Number(count));
}
