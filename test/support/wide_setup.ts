/** Before each test file of `npm run test:wide`: the kernels must be those of 256 bits. */
import { getVectorWidth } from "wasmgrad";

if (getVectorWidth() !== 256) {
  throw new Error(`test:wide: node ${process.versions.node} runs the kernels with ${getVectorWidth()} bits`);
}
