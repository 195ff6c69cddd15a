import { optim } from "wasmgrad";
import { MaskedAutoencoder, trainStep } from "../../../examples/pytorch/mae.ts";
import { Numbers } from "../numbers.ts";
import type { ExampleCase } from "./case.ts";

const mae: ExampleCase = {
  losses(steps) {
    const numbers = new Numbers(10);
    const sizes = { side: 4, width: 16, depth: 2, decoderWidth: 8, decoderDepth: 1 };
    const model = numbers.fill(new MaskedAutoencoder(sizes));
    const optimizer = new optim.AdamW(model.parameters(), { lr: 1e-3, betas: [0.9, 0.95], weightDecay: 0.05 });
    const images = numbers.uniform([4, 3, 16, 16]);
    return Array.from({ length: steps }, () => trainStep(model, optimizer, images, numbers.uniform([4, 16])));
  },
  smoke: ["--steps", "4", "--width", "16", "--depth", "1", "--batch-size", "16"],
  pictures: ["mae.png"],
};
export default mae;
