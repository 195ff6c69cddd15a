/** The page's program in Node: prints the fingerprint of the weights. usage: tsx in_node.ts [steps] */
import { CIFAR10 } from "wasmgrad/vision";
import { InpaintingProgram } from "./program.ts";

const steps = Number(process.argv[2] ?? 200);
const program = new InpaintingProgram(await CIFAR10.sample(), await CIFAR10.sample({ train: false }), "values");
await program.run(steps);
console.log(`step ${program.step}, weights, SHA-256: ${await program.fingerprint()}`);
