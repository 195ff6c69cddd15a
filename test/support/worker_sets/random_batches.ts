import { rand, type Tensor, tensor } from "wasmgrad";

/** The same, batch by batch, from a function. */
export const set = {
  length: 10,
  get: (index: number): Tensor[] => [tensor([index])],
  batch: (indices: readonly number[]): Tensor[] => [tensor(Int32Array.from(indices)), rand([indices.length])],
};

export default async () => set;
