// Lesson 5: modules and optimizers. A small network learns a curve.
// npx tsx examples/05_module.ts
import { linspace, manualSeed, nn, optim, scope, type Tensor } from "wasmgrad";

manualSeed(5);

class Curve extends nn.Module {
  layers = new nn.Sequential(
    new nn.Linear(1, 32),
    new nn.Tanh(),
    new nn.Linear(32, 32),
    new nn.Tanh(),
    new nn.Linear(32, 1),
  );

  override forward(x: Tensor): Tensor {
    return this.layers.forward(x);
  }
}

const x = linspace(-1, 1, 41).reshape([41, 1]);
const y = x.mul(4).sin().mul(x.mul(-1).exp()).mul(0.4);
const model = new Curve();
const names = Object.keys(model.stateDict());
console.log(`${model.parameters().length} parameters, named as in PyTorch: ${names.slice(0, 2).join(", ")} …`);

const criterion = new nn.MSELoss();
const optimizer = new optim.Adam(model.parameters(), { lr: 0.01 });
for (let step = 0; step <= 400; step++) {
  // the scope releases the step's tensors at its end
  scope(() => {
    const loss = criterion.forward(model.forward(x), y);
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    if (step % 100 === 0) console.log(`step ${step}: loss ${loss.item().toExponential(2)}`);
  });
}

console.log("the curve (.) and the network's output (o; * where they coincide):");
const place = (v: number) => Math.round(30 * (v + 1));
const painted = model.forward(x).toArray() as number[][];
(y.toArray() as number[][]).forEach(([value], i) => {
  if (i % 2 === 1) return;
  const line = new Array(60).fill(" ");
  line[place(value)] = ".";
  const at = place(painted[i][0]);
  line[at] = line[at] === "." ? "*" : "o";
  console.log(line.join("").trimEnd());
});
