import { optim } from "wasmgrad";
import { ODEFunc, spiral, trainStep } from "../../../examples/pytorch/neural_ode.ts";
import { Numbers } from "../numbers.ts";
import type { ExampleCase } from "./case.ts";

const neuralOde: ExampleCase = {
  losses(steps) {
    const numbers = new Numbers(40);
    const { times, y } = spiral(250);
    const model = numbers.fill(new ODEFunc(9));
    const optimizer = new optim.RMSprop(model.parameters(), { lr: 1e-3 });
    return Array.from({ length: steps }, () =>
      trainStep(model, optimizer, y, numbers.integers([7], 240), times.slice(0, 10)),
    );
  },
  smoke: ["--points", "200", "--steps", "30", "--log", "15"],
};
export default neuralOde;
