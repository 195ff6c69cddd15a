import { optim } from "wasmgrad";
import { Net, trainStep } from "../../../examples/pytorch/mnist_rnn.ts";
import { Numbers } from "../numbers.ts";
import type { ExampleCase } from "./case.ts";

const mnistRnn: ExampleCase = {
  losses(steps) {
    const numbers = new Numbers(33);
    const model = numbers.fill(new Net({ size: 12, hidden: 16, dropout: 0 }));
    const optimizer = new optim.Adadelta(model.parameters(), { lr: 0.5 });
    const [images, labels] = [numbers.uniform([8, 1, 12, 12]), numbers.integers([8], 10)];
    return Array.from({ length: steps }, () => trainStep(model, optimizer, images, labels));
  },
  smoke: ["--count", "256", "--test-count", "50", "--epochs", "2", "--hidden", "16"],
  falls: 1,
};
export default mnistRnn;
