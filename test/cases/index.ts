import { binaryCases } from "./binary.ts";
import type { OpCase } from "./case.ts";
import { conv2dCases, convTranspose2dCases } from "./conv2d.ts";
import { linearCases, matmulCases } from "./matmul.ts";
import { pairLossCases } from "./pair_loss.ts";
import { meanCases, sumCases } from "./reduce.ts";
import { unaryCases } from "./unary.ts";

/** Every op's cases. */
export const allCases: Record<string, OpCase[]> = {
  ...binaryCases,
  ...unaryCases,
  mean: meanCases,
  conv2d: conv2dCases,
  convTranspose2d: convTranspose2dCases,
  linear: linearCases,
  matmul: matmulCases,
  pairLoss: pairLossCases,
  sum: sumCases,
};
