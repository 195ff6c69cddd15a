import type { OpCase } from "./case.ts";
import { conv2dCases, convTranspose2dCases } from "./conv2d.ts";
import { linearCases, matmulCases } from "./matmul.ts";
import { pairLossCases } from "./pair_loss.ts";
import { meanCases, sumCases } from "./reduce.ts";
import { reluCases } from "./relu.ts";

/** Every op's cases. */
export const allCases: Record<string, OpCase[]> = {
  mean: meanCases,
  conv2d: conv2dCases,
  convTranspose2d: convTranspose2dCases,
  linear: linearCases,
  matmul: matmulCases,
  pairLoss: pairLossCases,
  relu: reluCases,
  sum: sumCases,
};
