import { noGrad, optim } from "wasmgrad";
import { Features, gramMatrix, TransformerNet, trainStep } from "../../../examples/pytorch/fast_neural_style.ts";
import { Numbers } from "../numbers.ts";
import type { ExampleCase } from "./case.ts";

const fastNeuralStyle: ExampleCase = {
  losses(steps) {
    const numbers = new Numbers(11);
    const model = numbers.fill(new TransformerNet({ width: 4, blocks: 1 }));
    const features = numbers.fill(new Features({ width: 4 })).requiresGrad_(false);
    const optimizer = new optim.Adam(model.parameters(), { lr: 1e-3 });
    const [images, picture] = [numbers.uniform([4, 3, 16, 16]), numbers.uniform([1, 3, 16, 16])];
    const style = noGrad(() => features.forward(picture).map(gramMatrix));
    return Array.from({ length: steps }, () =>
      trainStep([model, features], optimizer, images, { style, weight: 1000 }),
    );
  },
  smoke: ["--steps", "5", "--width", "4", "--batch-size", "100", "--epochs", "1"],
  pictures: ["fast_neural_style.png"],
};
export default fastNeuralStyle;
