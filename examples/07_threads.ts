// Lesson 7: threads. Large operations use all cores, and the bits of the result do not
// depend on how many there are.
// npx tsx examples/07_threads.ts
import { availableParallelism } from "node:os";
import { setTimeout } from "node:timers/promises";
import { manualSeed, nn, randn, scope, setNumThreads } from "wasmgrad";

manualSeed(7);
const x = randn([16, 64, 32, 32]);
const weight = randn([64, 64, 3, 3]);
const run = () => nn.functional.conv2d(x, weight, null, { padding: 1 });

/** A number that depends on every bit of the result. */
function fingerprint(): string {
  return scope(() => {
    const bits = new Uint32Array(run().data().buffer);
    return bits.reduce((hash, word) => Math.imul(hash ^ word, 16777619) >>> 0, 2166136261).toString(16);
  });
}

for (const threads of [1, Math.max(2, availableParallelism())]) {
  setNumThreads(threads);
  scope(run); // starts the workers
  await setTimeout(200); // launches do not wait for the workers to start, but a measurement should
  const start = performance.now();
  for (let i = 0; i < 10; i++) scope(run);
  const milliseconds = (performance.now() - start) / 10;
  console.log(
    `${threads} thread${threads > 1 ? "s" : " "}: ${milliseconds.toFixed(1).padStart(6)} ms per convolution, bits ${fingerprint()}`,
  );
}
setNumThreads(Math.max(1, availableParallelism()));
