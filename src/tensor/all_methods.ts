import { TensorMatmul } from "./methods/matmul.ts";
import { Tensor } from "./tensor.ts";

/**
 * Importing this module gives tensors all their methods, those of existing tensors too. The class itself has
 * only the members that every program needs, so that `wasmgrad/core` can leave out the others; all other
 * entries import this module. The types follow: where none of these entries is imported, a tensor does not
 * have the methods for TypeScript either.
 */
declare module "./tensor.ts" {
  interface Tensor extends TensorMatmul {}
}

Object.setPrototypeOf(Tensor.prototype, TensorMatmul.prototype);
