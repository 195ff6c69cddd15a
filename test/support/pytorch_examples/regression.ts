import { nn } from "wasmgrad";
import { features, trainStep } from "../../../examples/pytorch/regression.ts";
import { Numbers } from "../numbers.ts";
import type { ExampleCase } from "./case.ts";

const regression: ExampleCase = {
  losses(steps) {
    const numbers = new Numbers(2);
    const fc = numbers.fill(new nn.Linear(4, 1));
    const weight = numbers.uniform([4, 1], -5, 5);
    return Array.from({ length: steps }, () => {
      const x = features(numbers.normal([32]));
      return trainStep(fc, x, x.matmul(weight).add(2), 0.1);
    });
  },
  smoke: ["--steps", "200"],
  falls: 0.2,
};
export default regression;
