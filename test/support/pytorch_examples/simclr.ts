import { optim } from "wasmgrad";
import { SimCLR, trainStep } from "../../../examples/pytorch/simclr.ts";
import { Numbers } from "../numbers.ts";
import type { ExampleCase } from "./case.ts";

const simclr: ExampleCase = {
  losses(steps) {
    const numbers = new Numbers(9);
    const model = numbers.fill(new SimCLR({ width: 4, projection: 8 }));
    const optimizer = new optim.Adam(model.parameters(), { lr: 1e-3, weightDecay: 1e-4 });
    const images = numbers.uniform([8, 3, 16, 16]);
    const view = () => images.add(numbers.normal([8, 3, 16, 16]).mul(0.25));
    return Array.from({ length: steps }, () => trainStep(model, optimizer, [view(), view()], 0.2));
  },
  smoke: ["--steps", "5", "--width", "4", "--batch-size", "50"],
  pictures: ["simclr.png"],
};
export default simclr;
