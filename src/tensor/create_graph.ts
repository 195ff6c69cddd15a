import { OptionError } from "../errors.ts";
import type { Tensor } from "./tensor.ts";

/** `backward({ createGraph: true })`, which composes tensor functions and is therefore in a higher layer. */
let createGraphPass: (output: Tensor, gradient: Tensor, retainGraph: boolean) => void = () => {
  throw new OptionError('backward: createGraph expects the entry "wasmgrad" to be imported; import grad from it');
};

export function setCreateGraphPass(pass: typeof createGraphPass): void {
  createGraphPass = pass;
}

export function backwardWithGraph(output: Tensor, gradient: Tensor, retainGraph: boolean): void {
  createGraphPass(output, gradient, retainGraph);
}
