import { optim } from "wasmgrad";
import { Sequence, trainStep } from "../../../examples/pytorch/time_sequence_prediction.ts";
import { Numbers } from "../numbers.ts";
import type { ExampleCase } from "./case.ts";

const timeSequencePrediction: ExampleCase = {
  losses(steps) {
    const numbers = new Numbers(35);
    const model = numbers.fill(new Sequence(7));
    const waves = numbers.uniform([4, 13], -1, 1);
    const optimizer = new optim.LBFGS(model.parameters(), { lr: 0.8 });
    return trainStep(model, optimizer, waves).slice(0, steps);
  },
  smoke: ["--steps", "2", "--waves", "6", "--length", "30", "--hidden", "12"],
  falls: 0.9,
};
export default timeSequencePrediction;
