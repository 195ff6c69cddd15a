import { optim } from "wasmgrad";
import { SNLIClassifier, trainStep } from "../../../examples/pytorch/snli.ts";
import { Numbers } from "../numbers.ts";
import type { ExampleCase } from "./case.ts";

const snli: ExampleCase = {
  losses(steps) {
    const numbers = new Numbers(41);
    const model = numbers.fill(new SNLIClassifier({ words: 32, embed: 6, hidden: 8, layers: 2, dropout: 0 }));
    const optimizer = new optim.Adam(model.parameters(), { lr: 2e-3 });
    const sentences = () => ({ words: numbers.integers([7, 5], 32), lengths: numbers.integers([5], 7).add(1) });
    const batch = { premise: sentences(), hypothesis: sentences(), labels: numbers.integers([5], 3) };
    return Array.from({ length: steps }, () => trainStep(model, optimizer, batch));
  },
  smoke: ["--steps", "40", "--embed", "12", "--hidden", "12"],
  falls: 1,
};
export default snli;
