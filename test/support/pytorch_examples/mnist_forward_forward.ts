import { optim } from "wasmgrad";
import { Layer, trainStep } from "../../../examples/pytorch/mnist_forward_forward.ts";
import { Numbers } from "../numbers.ts";
import type { ExampleCase } from "./case.ts";

const forwardForward: ExampleCase = {
  losses(steps) {
    const numbers = new Numbers(4);
    const layers = [numbers.fill(new Layer(64, 32)), numbers.fill(new Layer(32, 32))];
    const x = numbers.uniform([32, 64]);
    const labels = numbers.integers([32], 10);
    return layers.map((layer, i) => {
      const optimizer = new optim.Adam(layer.parameters(), { lr: 0.03 });
      return Array.from({ length: steps / 2 }, (_, step) => {
        const wrong = labels.add(1 + step).remainder(10);
        return trainStep(layers.slice(0, i + 1), optimizer, [x, labels, wrong], 2);
      });
    });
  },
  smoke: ["--count", "200", "--test-count", "50", "--epochs", "2", "--hidden", "64"],
};
export default forwardForward;
