/**
 * Makes examples/data/cifar10-sample from the whole set: the first 100 training images and the first 25 test
 * images of each class, in the set's order.
 * usage: tsx scripts/make_sample.ts [FOLDER of the set, default data; it is downloaded there if necessary]
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { encode } from "fast-png";
import { CIFAR10, transforms } from "wasmgrad/vision";

const target = fileURLToPath(new URL("../examples/data/cifar10-sample/", import.meta.url));
const root = process.argv[2] ?? "data";
const PIXELS = 32 * 32;

for (const [name, train, perClass] of [
  ["train", true, 100],
  ["test", false, 25],
] as const) {
  const set = await CIFAR10.load({ root, train, download: true, transform: transforms.toTensor() });
  const taken = new Array<number>(set.classes.length).fill(0);
  const indices = [...set.targets.keys()].filter((i) => taken[set.targets[i]]++ < perClass);
  const [images] = set.batch(indices);
  const planar = images.data();
  // each image is a row of the sheet, with the three colours of a pixel side by side
  const sheet = Uint8Array.from(planar, (_, at) => {
    const image = Math.floor(at / (3 * PIXELS));
    const [pixel, channel] = [Math.floor((at % (3 * PIXELS)) / 3), at % 3];
    return Math.round(planar[(image * 3 + channel) * PIXELS + pixel] * 255);
  });
  mkdirSync(target, { recursive: true });
  const png = encode(
    { width: PIXELS, height: indices.length, channels: 3, depth: 8, data: sheet },
    { zlib: { level: 9 } },
  );
  writeFileSync(`${target}${name}.png`, png);
  writeFileSync(`${target}${name}_labels.json`, `${JSON.stringify(indices.map((i) => set.targets[i]))}\n`);
  console.log(`${name}: ${indices.length} images, ${png.length} bytes`);
}
