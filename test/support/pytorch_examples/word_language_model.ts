import { RNNModel, TransformerModel, trainStep } from "../../../examples/pytorch/word_language_model.ts";
import { Numbers } from "../numbers.ts";
import type { ExampleCase } from "./case.ts";

type Hidden = ReturnType<typeof trainStep>["hidden"];

const wordLanguageModel: ExampleCase = {
  losses(steps) {
    const numbers = new Numbers(34);
    const options = { width: 8, layers: 2, dropout: 0 };
    const models = [
      numbers.fill(new RNNModel("LSTM", 20, { ...options, tied: true })),
      numbers.fill(new RNNModel("GRU", 20, options)),
      numbers.fill(new TransformerModel(20, options)),
    ];
    const text = numbers.integers([6 * steps + 1, 3], 20);
    const hidden: Hidden[] = [null, null, null];
    return Array.from({ length: steps }, (_, step) =>
      models.map((model, i) => {
        const result = trainStep(model, text.narrow(0, 6 * step, 7), hidden[i], { lr: 2, clip: 0.25 });
        hidden[i] = result.hidden;
        return result.loss;
      }),
    );
  },
  smoke: ["--words", "2000", "--epochs", "1", "--vocabulary", "100", "--width", "16", "--generate", "5"],
  falls: 0.95,
};
export default wordLanguageModel;
