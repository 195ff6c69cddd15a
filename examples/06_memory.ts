// Lesson 6: memory. WebAssembly memory is invisible to the garbage collector, so tensors belong to scopes.
// npx tsx examples/06_memory.ts
import { keep, memory, ReleasedError, randn, scope, type Tensor } from "wasmgrad";

const start = memory();
const report = (when: string) => {
  const { liveTensors, liveBytes } = memory();
  const kilobytes = Math.round((liveBytes - start.liveBytes) / 1000);
  console.log(`${when.padEnd(34)} ${liveTensors - start.liveTensors} tensors, ${kilobytes} kB`);
};

report("at the start");
let kept: Tensor | undefined;
let lost: Tensor | undefined;
const returned = scope(() => {
  const a = randn([256, 256]);
  lost = a.matmul(a);
  kept = keep(lost.sum(0));
  report("inside a scope");
  return lost.mean();
});
report("after it: one returned, one kept");

try {
  lost!.sum();
} catch (error) {
  console.log(`using another one: ${error instanceof ReleasedError}, it says:\n  ${(error as Error).message}`);
}

// Each iteration allocates a megabyte in a scope: memory is the same after 10 iterations and after 1000.
const reserved: number[] = [];
for (let i = 1; i <= 1000; i++) {
  scope(() => randn([512, 512]).mul(2).sum().item());
  if (i === 10 || i === 1000) reserved.push(memory().reservedBytes);
}
console.log(`reserved after 10 and after 1000 iterations: ${reserved[0] === reserved[1] ? "the same" : "more"}`);

returned.release();
kept!.release();
report("after releasing these by hand");
