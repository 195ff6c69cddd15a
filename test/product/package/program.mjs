// Run in a project that installed the package: trains a small network with what every entry
// offers, and prints its loss.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { manualSeed, memory, nn, optim, rand, tensor } from "wasmgrad";
import { DataLoader, TensorDataset } from "wasmgrad/data";
import * as io from "wasmgrad/io";
import { Conv2d } from "wasmgrad/nn";
import { Adam } from "wasmgrad/optim";
import * as vision from "wasmgrad/vision";

for (const [name, entry] of Object.entries({ io, vision })) {
  if (Object.keys(entry).length === 0) throw new Error(`wasmgrad/${name} exports nothing`);
}
if (Conv2d !== nn.Conv2d || Adam !== optim.Adam) throw new Error("an entry has another copy of the library");
const wasm = readFileSync(fileURLToPath(import.meta.resolve("wasmgrad/kernels.wasm")));
if (!WebAssembly.validate(wasm)) throw new Error("kernels.wasm is not valid");

// Node has it from 24 on
if (typeof Float16Array === "function") {
  const x = tensor(Float16Array.of(0.5, -1.25));
  if (x.dtype !== "float32" || x.toArray().join() !== "0.5,-1.25")
    throw new Error(`a Float16Array became ${x.dtype}: ${x}`);
}

manualSeed(1);
const images = rand([32, 1, 8, 8]);
const model = new nn.Sequential(
  new Conv2d(1, 4, { kernelSize: 3, padding: 1 }),
  new nn.ReLU(),
  new Conv2d(4, 1, { kernelSize: 1 }),
);
const criterion = new nn.MSELoss();
const optimizer = new Adam(model.parameters(), { lr: 0.03 });
const loader = new DataLoader(new TensorDataset(images), { batchSize: 8, shuffle: true });
const losses = [];
for (let epoch = 0; epoch < 10; epoch++) {
  let total = 0;
  for (const [x] of loader) {
    const loss = criterion.forward(model.forward(x), x);
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    total += loss.item();
  }
  losses.push(total / loader.length);
}
if (!(losses[9] < losses[0] / 2)) throw new Error(`the loss does not fall: ${losses}`);
console.log(
  `node ${process.version}: loss ${losses[0].toFixed(4)} -> ${losses[9].toFixed(4)}, ${memory().liveTensors} tensors`,
);
