import { Generator, nn } from "wasmgrad";
import { kernels } from "../../../src/ops/random/kernels.ts";
import type { OpCase } from "../case.ts";

const [SEED, OFFSET] = [2 ** 40 + 5, 2 ** 33 + 8];

/** The uniform number of element i of a draw that starts here (random.test.ts checks the order). */
function uniform(i: number): number {
  const counter = OFFSET + 4 * Math.floor(i / 16) + (i % 4);
  const words = [counter % 2 ** 32, Math.floor(counter / 2 ** 32), 0, 0] as const;
  const bits = kernels().philoxWord(...words, SEED % 2 ** 32, Math.floor(SEED / 2 ** 32), Math.floor(i / 4) % 4);
  return (bits >>> 8) / 2 ** 24;
}

export const dropoutCases: OpCase[] = [
  { shape: [], p: 0.5 },
  { shape: [37], p: 0.25 },
  { shape: [3, 5, 7], p: 0.7 },
  { shape: [9], p: 1 },
  { shape: [0, 2], p: 0.5 },
].map(({ shape, p }) => ({
  name: `dropout [${shape}] p ${p}`,
  inputs: [{ shape }],
  run: (x) => {
    const generator = new Generator();
    generator.setState({ seed: SEED, offset: OFFSET });
    return nn.functional.dropout(x, { p, generator });
  },
  reference: (x) => ({ shape, data: x.data.map((value, i) => (uniform(i) < Math.fround(p) ? 0 : value / (1 - p))) }),
}));
