/**
 * Run by memory.test.ts: loops that make garbage outside every scope, under a memory limit. Prints the result
 * of each loop.
 */
import {
  memory,
  nn,
  OutOfMemoryError,
  optim,
  rand,
  scope,
  setMemoryDebug,
  setMemoryLimit,
  type Tensor,
  zeros,
} from "../../src/index.ts";

const MIB = 2 ** 20;
const results: Record<string, unknown> = {};

function train(): number {
  const model = new nn.Sequential(new nn.Linear(512, 512), new nn.ReLU(), new nn.Linear(512, 512));
  const optimizer = new optim.Adam(model.parameters());
  const x = rand([64, 512]);
  const loss = model.forward(x).square().mean();
  loss.backward();
  optimizer.step();
  return loss.item();
}

setMemoryLimit(96 * MIB);
const kept = zeros([MIB / 4]).add(3);
const loop = (turns: number) => {
  let sum = 0;
  for (let i = 0; i < turns; i++)
    sum += zeros([MIB / 4])
      .add(1)
      .mul(kept)
      .mean()
      .item();
  return sum / turns;
};
results.synchronous = loop(400);
let microtasks = 0;
for (let i = 0; i < 20; i++) {
  microtasks += loop(20);
  await null;
}
results.microtasks = microtasks / 20;
results.models = Array.from({ length: 40 }, train).every(Number.isFinite);
results.modelsInScope = Array.from({ length: 40 }, () => scope(train)).every(Number.isFinite);
results.kept = kept.mean().item();

setMemoryDebug(true);
const held: Tensor[] = [];
try {
  for (;;) held.push(zeros([MIB / 4]));
} catch (error) {
  results.error = error instanceof OutOfMemoryError && error.message;
}
setMemoryDebug(false);
held.length = 0;
results.afterwards = loop(100);

// memory that is full except for some small tensors; searching for them at each allocation would take minutes
const fill = (size: number) => {
  try {
    for (;;) held.push(zeros([size]));
  } catch {
    // full
  }
};
const small = (turns: number) => {
  for (let i = 0; i < turns; i++) zeros([1024]);
};
fill(MIB / 4);
fill(1024);
held.splice(-8);
try {
  small(5000);
} catch (error) {
  results.full = error instanceof OutOfMemoryError && error.message;
}
// garbage that is large enough is found, whatever happened before
held.splice(0, 10);
small(5000);
held.length = 0;

setMemoryLimit(4096 * MIB);
for (let i = 0; i < 600; i++) {
  zeros([MIB / 4]).add(1);
  await new Promise((resolve) => setImmediate(resolve));
}
results.reservedMiB = memory().reservedBytes / MIB;
console.log(JSON.stringify(results));
