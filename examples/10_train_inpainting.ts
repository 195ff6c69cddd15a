// Lesson 10: everything together. The autoencoder learns to reconstruct the hidden half of real images.
// npx tsx examples/10_train_inpainting.ts [epochs, default 4] [images, default 1000]
import { Generator, manualSeed, nn, noGrad, optim, rand } from "wasmgrad";
import { DataLoader, Subset } from "wasmgrad/data";
import { CIFAR10, imageGrid, psnr, savePNG, transforms } from "wasmgrad/vision";
import { InpaintingAutoencoder } from "./inpainting/model.ts";

const [epochs, count] = [process.argv[2] ?? 4, process.argv[3] ?? 1000].map(Number);
manualSeed(10);
const transform = transforms.toTensor();
const all = await CIFAR10.sample({ transform });
const trainset = new Subset(
  all,
  Array.from({ length: Math.min(count, all.length) }, (_, i) => i),
);
const testset = await CIFAR10.sample({ train: false, transform });

const model = new InpaintingAutoencoder();
const criterion = new nn.MSELoss();
const optimizer = new optim.Adam(model.parameters(), { lr: 0.001 });
const trainloader = new DataLoader(trainset, { batchSize: 4, shuffle: true });

/**
 * PSNR of the hidden elements of 100 test images, always with the same masks; their picture goes to `path`.
 */
function evaluate(path?: string): number {
  return noGrad(() => {
    for (const [images] of new DataLoader(testset, { batchSize: 100 })) {
      const mask = rand(images.shape, { generator: new Generator(1) }).gt(0.5);
      const masked = images.mul(mask);
      const painted = model.forward(masked);
      if (path) {
        const columns = Object.entries({ original: images, masked, painted });
        savePNG(
          path,
          imageGrid(
            columns.map(([label, x]) => ({ label, images: x.narrow(0, 0, 8) })),
            { perRow: 2 },
          ),
        );
      }
      return psnr(painted, images, { mask: mask.logicalNot() });
    }
    throw new Error("no test image");
  });
}

console.log(`before: ${evaluate().toFixed(2)} dB`);
for (let epoch = 1; epoch <= epochs; epoch++) {
  let sum = 0;
  for (const [images] of trainloader) {
    const mask = rand(images.shape).gt(0.5);
    const loss = criterion.forward(model.forward(images.mul(mask)), images);
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    sum += loss.item();
  }
  console.log(`epoch ${epoch}: loss ${(sum / trainloader.length).toFixed(5)}, test ${evaluate().toFixed(2)} dB`);
}
evaluate("lesson10.png");
console.log("lesson10.png shows eight test images: original, masked, painted");
