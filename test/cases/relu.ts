import type { OpCase } from "./case.ts";

export const reluCases: OpCase[] = [[], [1], [3], [4], [5], [2, 3, 7], [0, 3]].map((shape) => ({
  name: `relu [${shape}]`,
  inputs: [{ shape }],
  run: (x) => x.relu(),
  reference: (x) => ({ shape: x.shape, data: x.data.map((v) => Math.max(v, 0)) }),
}));
