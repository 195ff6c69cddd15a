import { GPT, trainStep } from "../../../examples/pytorch/nano_gpt.ts";
import { Numbers } from "../numbers.ts";
import type { ExampleCase } from "./case.ts";

const nanoGpt: ExampleCase = {
  losses(steps) {
    const numbers = new Numbers(39);
    const model = numbers.fill(new GPT({ vocabulary: 11, block: 6, layers: 2, heads: 2, width: 8 }));
    const optimizer = model.optimizer(3e-3);
    return Array.from({ length: steps }, () => trainStep(model, optimizer, numbers.integers([4, 7], 11)));
  },
  smoke: ["--steps", "40", "--width", "16", "--block", "16"],
  falls: 0.9,
};
export default nanoGpt;
