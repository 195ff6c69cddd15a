// Lesson 8: saving and loading. A state dict maps names to tensors; PyTorch reads safetensors files as well.
// npx tsx examples/08_save_and_load.ts
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { manualSeed, nn, optim, randn, StateDictError } from "wasmgrad";
import { loadCheckpoint, loadSafetensors, saveCheckpoint, saveSafetensors } from "wasmgrad/io";

const folder = mkdtempSync(join(tmpdir(), "wasmgrad-lesson-"));
const build = () => new nn.Sequential(new nn.Linear(4, 8), new nn.ReLU(), new nn.Linear(8, 2));

manualSeed(8);
const model = build();
const x = randn([3, 4]);
const before = model.forward(x);

// Weights alone, to use a model.
const path = join(folder, "model.safetensors");
saveSafetensors(path, model.stateDict());
const { tensors } = loadSafetensors(path);
console.log(
  `${statSync(path).size} bytes:`,
  Object.entries(tensors)
    .map(([name, t]) => `${name} [${t.shape}]`)
    .join(", "),
);
const other = build();
other.loadStateDict(tensors);
console.log("another model gives the same:", other.forward(x).sub(before).abs().max().item() === 0);

try {
  new nn.Linear(4, 8).loadStateDict(tensors);
} catch (error) {
  console.log("a model of another kind:", error instanceof StateDictError);
}

// A checkpoint, to continue training with the same bits. It also holds the optimizer
// and the random generator.
const optimizer = new optim.Adam(model.parameters(), { lr: 0.1 });
const step = (m: nn.Sequential, o: optim.Adam) => {
  const loss = m
    .forward(randn([16, 4]))
    .square()
    .mean();
  o.zeroGrad();
  loss.backward();
  o.step();
  return loss.item();
};
step(model, optimizer);
saveCheckpoint(join(folder, "checkpoint"), { model, optimizer, step: 1 });
const continued = [step(model, optimizer), step(model, optimizer)];

const again = { model: build(), optimizer: undefined as unknown as optim.Adam };
again.optimizer = new optim.Adam(again.model.parameters(), { lr: 0.1 });
loadCheckpoint(join(folder, "checkpoint"), again);
const resumed = [step(again.model, again.optimizer), step(again.model, again.optimizer)];
console.log("losses of a run that continued:", continued.join(" "));
console.log("losses of a run that resumed:  ", resumed.join(" "));
rmSync(folder, { recursive: true });
