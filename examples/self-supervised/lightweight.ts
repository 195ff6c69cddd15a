import { writeFileSync } from "node:fs";
import { manualSeed, nn, noGrad, scope } from "wasmgrad";
import { DataLoader, withIndices } from "wasmgrad/data";
import { Classifier, Encoder, evaluateClassifier } from "wasmgrad/self-supervised";
import { summary, Trainer } from "wasmgrad/train";
import { adamWithSchedule, experiment, firstImages, IMAGES, loadImages, QUICK_IMAGES, shift } from "./experiment.ts";

/** The shortest of five forward passes, in milliseconds per image. */
function forwardTime(model: nn.Module, images: Parameters<nn.Module["forward"]>[0]): number {
  const once = () => {
    const started = performance.now();
    scope(() => noGrad(() => void model.forward(images)));
    return (performance.now() - started) / images.shape[0];
  };
  return Math.min(...Array.from({ length: 6 }, once).slice(1));
}

export default experiment({
  name: "lightweight",
  about: "compares the depthwise-separable encoder with the plain one: parameters, operations, time, accuracy",
  defaults: { ...IMAGES, epochs: 2, batchSize: 64, lr: 2e-3, weightDecay: 0.01 },
  quick: { ...QUICK_IMAGES, epochs: 1, batchSize: 32 },
  async run(config, run) {
    const { train, test, statistics } = await loadImages(config);
    const results: Record<string, number> = {};
    for (const name of ["plain", "separable"]) {
      manualSeed(config.seed);
      const model = new Classifier(new Encoder({ ...statistics, separable: name === "separable" }));
      const table = summary(model, [1, 3, 32, 32]);
      writeFileSync(run.file(`${name}.txt`), `${table}\n`);
      const loader = new DataLoader(withIndices(train), { batchSize: config.batchSize, shuffle: true, dropLast: true });
      const trainer = new Trainer({
        model,
        loader,
        ...adamWithSchedule(model.parameters(), config.lr, config.weightDecay, config.epochs * loader.length),
        loss: ([images, labels, indices], { epoch }) =>
          nn.functional.crossEntropy(model.forward(shift(images, { indices, epoch })), labels),
        validate: () => {
          const { loss, accuracy } = evaluateClassifier(model, firstImages(test, 2000));
          return { testLoss: loss, testAccuracy: accuracy };
        },
        epochs: config.epochs,
      });
      await run.train(name, trainer);
      model.eval();
      const [images] = train.batch!(Array.from({ length: 64 }, (_, i) => i));
      results[`${name}_parameters`] = table.parameters;
      results[`${name}_megaflops`] = table.flops / 1e6;
      results[`${name}_msPerImageForward`] = forwardTime(model, images);
      results[`${name}_msPerImageTraining`] =
        (1000 * trainer.log.at(-1)!.seconds) / (trainer.place.step * config.batchSize);
      results[`${name}_testAccuracy`] = evaluateClassifier(model, test).accuracy;
    }
    return results;
  },
});
