import { optim } from "wasmgrad";
import { Seq2SeqTransformer, toBatch, trainStep } from "../../../examples/pytorch/language_translation.ts";
import { Numbers } from "../numbers.ts";
import type { ExampleCase } from "./case.ts";

const languageTranslation: ExampleCase = {
  losses(steps) {
    const numbers = new Numbers(42);
    const model = numbers.fill(new Seq2SeqTransformer({ width: 16, heads: 2, layers: 2, dropout: 0 }));
    const optimizer = new optim.Adam(model.parameters(), { lr: 2e-3, betas: [0.9, 0.98], eps: 1e-9 });
    return Array.from({ length: steps }, () => {
      const [source, target] = toBatch(numbers.integers([6], 999_999).add(1).data());
      return trainStep(model, optimizer, source, target);
    });
  },
  smoke: ["--steps", "20", "--width", "16", "--layers", "1", "--test-count", "5"],
  falls: 0.98,
};
export default languageTranslation;
