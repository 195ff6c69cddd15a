import { tensor } from "wasmgrad";

/** Batches of every kind that can be sent. */
export default {
  length: 2,
  get: (index: number) => ({
    image: tensor([[index, 1]]),
    mask: tensor([true, false]),
    count: tensor([2 ** 31 - 1], { dtype: "int32" }),
    empty: tensor([], { shape: [0, 3] }),
    name: `sample ${index}`,
    box: [1, 2.5, { corner: tensor(7) }],
    bytes: new Uint8Array([1, 2]),
  }),
};
