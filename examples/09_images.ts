// Lesson 9: data. Images come from a dataset, in batches, through a transform; a mask hides half of each.
// npx tsx examples/09_images.ts
import { manualSeed, rand, type Tensor } from "wasmgrad";
import { DataLoader } from "wasmgrad/data";
import { CIFAR10, psnr, transforms } from "wasmgrad/vision";

manualSeed(9);
const images = await CIFAR10.sample({ train: false, transform: transforms.toTensor() });
const loader = new DataLoader(images, { batchSize: 50, shuffle: true });
console.log(`${images.length} real images of CIFAR-10 in ${loader.length} batches`);

/** One character shows two pixels, one above the other. */
function draw(image: Tensor): string[] {
  const grey = image.mean(0).reshape([16, 2, 32]).mean(1).toArray() as number[][];
  return grey.map((row) => row.map((v) => " .:-=+*#%@"[Math.min(9, Math.floor(10 * v))]).join(""));
}

for (const [batch, labels] of loader) {
  const mask = rand(batch.shape).gt(0.5);
  const masked = batch.mul(mask);
  console.log(`a batch ${JSON.stringify(batch.shape)}, pixels from ${batch.min().item()} to ${batch.max().item()}`);
  console.log(`hidden: ${((1 - mask.float().mean().item()) * 100).toFixed(1)} % of the elements`);
  const [left, right] = [draw(batch.select(0, 0)), draw(masked.select(0, 0))];
  console.log(`label "${images.classes[labels.select(0, 0).item()]}", and its visible half:`);
  console.log(left.map((row, i) => `${row}   ${right[i]}`).join("\n"));

  // The baseline: each hidden element becomes the mean of the visible ones.
  const mean = masked.sum().div(mask.sum().float());
  const guess = batch.where(mask, mean);
  console.log(
    `PSNR of the hidden half, painted grey: ${psnr(guess, batch, { mask: mask.logicalNot() }).toFixed(2)} dB`,
  );
  break; // one batch is enough; break releases it
}
