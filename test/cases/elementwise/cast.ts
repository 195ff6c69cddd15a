import type { OpCase } from "../case.ts";

const input = { shape: [2, 9], low: -3, high: 3 };
const int = { ...input, dtype: "int32" } as const;

export const castCases: OpCase[] = [
  {
    name: "float32 to int32",
    inputs: [{ ...input, grad: false }],
    run: (x) => x.int(),
    reference: ({ shape, data }) => ({ shape, data: data.map(Math.trunc) }),
  },
  {
    name: "float32 to bool",
    inputs: [{ shape: [5], values: [0, -0, 0.25, NaN, -Infinity], grad: false }],
    run: (x) => x.bool(),
    reference: ({ shape, data }) => ({ shape, data: data.map((value) => (value === 0 ? 0 : 1)) }),
  },
  {
    name: "int32 to bool",
    inputs: [int],
    run: (x) => x.bool(),
    reference: ({ shape, data }) => ({ shape, data: data.map((value) => (value === 0 ? 0 : 1)) }),
  },
  { name: "int32 to float32", inputs: [int], run: (x) => x.float(), reference: (x) => x },
];
