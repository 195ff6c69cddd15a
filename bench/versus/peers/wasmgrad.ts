/**
 * The program that runs wasmgrad: the training step as a user writes it, in the scope that a DataLoader would
 * open.
 */
import { readFileSync } from "node:fs";
import { manualSeed, nn, noGrad, optim, rand, scope, setNumThreads, setPrecision, tensor } from "wasmgrad";
import { InpaintingAutoencoder } from "../../../examples/inpainting/model.ts";
import { findModel, prepareModel, valuesOf } from "../../models/index.ts";
import { prepareOperation } from "../operations.ts";
import { first, type Input, serve } from "./serve.ts";

const { version } = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8"));
const toTensor = ({ data, shape }: Input) => tensor(data, { shape });

await serve((inputs, threads, variant) => {
  setNumThreads(threads);
  if (variant === "fast") setPrecision("fast");
  return {
    version,
    prepare({ kind, model: name, batch, steps }) {
      if (kind === "model") {
        // the weights and the batch that the inputs hold: both come from the same seed
        const { program, data } = prepareModel(findModel(name), batch);
        return {
          check: () => valuesOf(program, data),
          step: () => void scope(() => void program.step(data.x, data.y)),
        };
      }
      if (kind === "operation" || kind === "operation forward") {
        const [images, mask] = [inputs.images, inputs.mask].map((input) => first(batch, input).data);
        return prepareOperation(name!, kind === "operation", images, mask);
      }
      manualSeed(4);
      const model = new InpaintingAutoencoder();
      const state = Object.keys(model.stateDict()).map((name) => [name, toTensor(inputs[name])]);
      model.loadStateDict(Object.fromEntries(state));
      const images = toTensor(first(batch, inputs.images));
      if (kind === "forward") {
        const forward = () => noGrad(() => model.forward(images));
        return {
          check: () => Array.from(forward().data()),
          step: () => void scope(() => void forward().data()),
        };
      }
      const mask = toTensor(first(batch, inputs.mask));
      const criterion = new nn.MSELoss();
      const optimizer = new optim.Adam(model.parameters(), { lr: 0.001 });
      const train = (masked = images.mul(rand(images.shape).gt(0.5))) => {
        const loss = criterion.forward(model.forward(masked), images);
        optimizer.zeroGrad();
        loss.backward();
        optimizer.step();
        return loss.item();
      };
      return {
        check: () => Array.from({ length: steps }, () => scope(() => train(images.mul(mask)))),
        step: () => void scope(() => void train()),
      };
    },
  };
});
