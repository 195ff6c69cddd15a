import { optim } from "wasmgrad";
import { Net, trainStep } from "../../../examples/pytorch/mnist.ts";
import { Numbers } from "../numbers.ts";
import type { ExampleCase } from "./case.ts";

const mnist: ExampleCase = {
  losses(steps) {
    const numbers = new Numbers(1);
    const model = numbers.fill(new Net({ width: 4, size: 12, dropout: 0 }));
    const optimizer = new optim.Adadelta(model.parameters(), { lr: 1 });
    const scheduler = new optim.StepLR(optimizer, { stepSize: 1, gamma: 0.7 });
    const [images, labels] = [numbers.uniform([16, 1, 12, 12]), numbers.integers([16], 10)];
    return Array.from({ length: steps }, (_, step) => {
      const loss = trainStep(model, optimizer, images, labels);
      if (step === 4) scheduler.step();
      return loss;
    });
  },
  smoke: ["--count", "500", "--test-count", "50", "--batch-size", "20", "--epochs", "1", "--width", "8"],
  falls: 0.9,
};
export default mnist;
