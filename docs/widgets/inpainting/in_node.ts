/**
 * The page's program in Node: prints the fingerprint of the weights.
 *
 * usage: tsx in_node.ts [steps] [squares|values]
 */
import { CIFAR10 } from "wasmgrad/vision";
import { type Hidden, InpaintingProgram } from "./program.ts";

const [steps = "200", hidden = "squares"] = process.argv.slice(2);
const [train, test] = [await CIFAR10.sample(), await CIFAR10.sample({ train: false })];
const program = new InpaintingProgram(train, test, hidden as Hidden);
await program.run(Number(steps));
console.log(`step ${program.step}, weights, SHA-256: ${await program.fingerprint()}`);
