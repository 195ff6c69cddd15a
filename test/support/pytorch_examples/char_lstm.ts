import { optim } from "wasmgrad";
import { CharLSTM, trainStep } from "../../../examples/pytorch/char_lstm.ts";
import { Numbers } from "../numbers.ts";
import type { ExampleCase } from "./case.ts";

const charLstm: ExampleCase = {
  losses(steps) {
    const numbers = new Numbers(38);
    const model = numbers.fill(new CharLSTM(11, { width: 8 }));
    const optimizer = new optim.Adam(model.parameters(), { lr: 5e-3 });
    const text = numbers.integers([3, 5 * steps + 1], 11);
    let state: ReturnType<typeof trainStep>["state"] | undefined;
    return Array.from({ length: steps }, (_, step) => {
      const result = trainStep(model, optimizer, text.narrow(1, 5 * step, 6), state);
      state = result.state;
      return result.loss;
    });
  },
  smoke: ["--characters", "8000", "--epochs", "2", "--width", "24", "--sample", "30"],
  falls: 0.95,
};
export default charLstm;
