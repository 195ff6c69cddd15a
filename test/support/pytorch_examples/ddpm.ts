import { optim } from "wasmgrad";
import { schedule, trainStep, UNet } from "../../../examples/pytorch/ddpm.ts";
import { Numbers } from "../numbers.ts";
import type { ExampleCase } from "./case.ts";

const ddpm: ExampleCase = {
  losses(steps) {
    const numbers = new Numbers(8);
    const model = numbers.fill(new UNet(8));
    const optimizer = new optim.Adam(model.parameters(), { lr: 1e-3 });
    const { alphaBars } = schedule(100);
    const x0 = numbers.uniform([8, 1, 8, 8], -1, 1);
    return Array.from({ length: steps }, () => {
      const t = numbers.integers([8], 100);
      return trainStep(model, optimizer, alphaBars, [x0, t, numbers.normal([8, 1, 8, 8])]);
    });
  },
  smoke: ["--count", "128", "--epochs", "2", "--width", "8", "--timesteps", "10"],
  falls: 0.95,
  pictures: ["ddpm.png"],
};
export default ddpm;
