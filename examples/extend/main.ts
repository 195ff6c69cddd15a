/**
 * A custom operation with kernels in a second WebAssembly module: learns the input that a leaky sum turns
 * into a given signal. Run it from the repository's root with
 * `npx asc --config examples/extend/asconfig.json && npx tsx examples/extend/main.ts`.
 */
import { readFileSync } from "node:fs";
import { arange, nn, optim, scope, zeros } from "wasmgrad";
import { loadKernels } from "wasmgrad/extend";
import { makeLeakySum } from "./leaky_sum.ts";

const leakySum = makeLeakySum(loadKernels(readFileSync("build/extend/kernels.wasm"), { name: "leaky" }));

const length = 32;
const signal = arange(length).float().mul(0.4).sin().reshape([1, length]);
const input = new nn.Parameter(zeros([1, length]));
const optimizer = new optim.Adam([input], { lr: 0.1 });
for (let step = 0; step <= 200; step++) {
  scope(() => {
    const loss = nn.functional.mseLoss(leakySum(input, 0.9), signal);
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    if (step % 50 === 0) console.log(`step ${step}: loss ${loss.item().toExponential(2)}`);
  });
}
