import { optim } from "wasmgrad";
import { trainStep, VAE } from "../../../examples/pytorch/vae.ts";
import { Numbers } from "../numbers.ts";
import type { ExampleCase } from "./case.ts";

const vae: ExampleCase = {
  losses(steps) {
    const numbers = new Numbers(3);
    const model = numbers.fill(new VAE({ pixels: 64, hidden: 32, latent: 5 }));
    const optimizer = new optim.Adam(model.parameters(), { lr: 1e-3 });
    const images = numbers.uniform([16, 1, 8, 8]);
    return Array.from({ length: steps }, () => trainStep(model, optimizer, images, numbers.normal([16, 5])));
  },
  smoke: ["--count", "600", "--test-count", "16", "--batch-size", "50", "--epochs", "1"],
  falls: 0.9,
  pictures: ["vae_reconstruction.png", "vae_sample.png"],
};
export default vae;
