import { optim } from "wasmgrad";
import { Net, trainStep } from "../../../examples/pytorch/super_resolution.ts";
import { Numbers } from "../numbers.ts";
import type { ExampleCase } from "./case.ts";

const superResolution: ExampleCase = {
  losses(steps) {
    const numbers = new Numbers(7);
    const model = numbers.fill(new Net({ width: 8 }));
    const optimizer = new optim.Adam(model.parameters(), { lr: 1e-3 });
    const [small, large] = [numbers.uniform([4, 1, 8, 8]), numbers.uniform([4, 1, 16, 16])];
    return Array.from({ length: steps }, () => trainStep(model, optimizer, small, large));
  },
  smoke: ["--steps", "20", "--width", "8"],
  falls: 0.9,
  pictures: ["super_resolution.png"],
};
export default superResolution;
