/** For each test file of `npm run test:wide`: the kernels must be those of 256 bits. */
import { beforeAll } from "vitest";

beforeAll(async () => {
  const { getVectorWidth } = await import("wasmgrad"); // not earlier: a test file may replace modules of it
  const width = getVectorWidth();
  if (width !== 256) throw new Error(`test:wide: node ${process.versions.node} runs the kernels with ${width} bits`);
});
