/**
 * The model, optimizers and steps of test/fixtures/optimizer_files/gen.py. As a program, writes wasmgrad's
 * state after the first steps there. usage: npx tsx test/support/optimizer_files.ts
 */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { nn, optim, type Tensor } from "wasmgrad";
import { loadSafetensors, optimizerToPyTorch, saveSafetensors } from "wasmgrad/io";
import { root } from "./source.ts";

export const STEPS = 4;
export const OPTIMIZERS = {
  adam: (params: Tensor[]) => new optim.Adam(params, { lr: 0.01, weightDecay: 0.01 }),
  adamw: (params: Tensor[]) => new optim.AdamW(params, { lr: 0.01, amsgrad: true, betas: [0.8, 0.99] }),
  sgd: (params: Tensor[]) => new optim.SGD(params, { lr: 0.01, momentum: 0.9, nesterov: true, weightDecay: 0.001 }),
};

export const fixture = (name: string) => join(root, "test/fixtures/optimizer_files", `${name}.safetensors`);

/** The model, with the weights of a file. */
export function makeModel(weights: string): nn.Sequential {
  const model = new nn.Sequential(
    new nn.Conv2d(2, 4, { kernelSize: 3, padding: 1, bias: false }),
    new nn.BatchNorm2d(4),
    new nn.ReLU(),
    new nn.Flatten(),
    new nn.Linear(64, 3),
  );
  model.loadStateDict(loadSafetensors(fixture(weights)).tensors);
  return model;
}

/** Steps `first` to `first + STEPS - 1`. */
export function train(model: nn.Sequential, optimizer: optim.Optimizer, first: number): void {
  const { inputs, targets } = loadSafetensors(fixture("batches")).tensors;
  for (let step = first; step < first + STEPS; step++) {
    const loss = nn.functional.mseLoss(model.forward(inputs.select(0, step)), targets.select(0, step));
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  for (const [name, makeOptimizer] of Object.entries(OPTIMIZERS)) {
    const model = makeModel("initial");
    const optimizer = makeOptimizer(model.parameters());
    train(model, optimizer, 0);
    saveSafetensors(fixture(`ours.${name}.model`), model.stateDict());
    const { tensors, metadata } = optimizerToPyTorch(optimizer.stateDict());
    saveSafetensors(fixture(`ours.${name}.optimizer`), tensors, { metadata });
  }
}
