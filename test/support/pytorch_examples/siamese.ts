import { optim } from "wasmgrad";
import { SiameseNetwork, trainStep } from "../../../examples/pytorch/siamese.ts";
import { Numbers } from "../numbers.ts";
import type { ExampleCase } from "./case.ts";

const siamese: ExampleCase = {
  losses(steps) {
    const numbers = new Numbers(5);
    const model = numbers.fill(new SiameseNetwork({ width: 4, hidden: 16 }));
    const optimizer = new optim.Adadelta(model.parameters(), { lr: 1 });
    const [a, b] = [numbers.uniform([16, 1, 16, 16]), numbers.uniform([16, 1, 16, 16])];
    const same = numbers.integers([16], 2).float();
    return Array.from({ length: steps }, () => trainStep(model, optimizer, [a, b], same));
  },
  smoke: ["--count", "60", "--test-count", "20", "--batch-size", "20", "--epochs", "1", "--width", "4"],
};
export default siamese;
