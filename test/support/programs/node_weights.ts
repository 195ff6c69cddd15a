/**
 * Bundled for other versions of Node: prints the weights for each number of threads, and whether fast kernels
 * run.
 * usage: STEPS
 */
import { getNumThreads, getVectorWidth, setPrecision } from "wasmgrad";
import { inpaintingWeights } from "./inpainting_weights.ts";

const steps = Number(process.argv[2]);
const digests = [];
for (const threads of [1, 2, 3, 4]) digests.push((await inpaintingWeights(steps, threads)).digest);
const precision = setPrecision("fast");
const fast = await inpaintingWeights(steps, 2);
const { version } = process;
const [threads, width] = [getNumThreads(), getVectorWidth()];
console.log(JSON.stringify({ node: version, digests, threads, width, precision, fast: fast.digest }));
