import type { OpCase } from "./case.ts";
import { meanCases, sumCases } from "./reduce.ts";
import { reluCases } from "./relu.ts";

/** Every op's cases. */
export const allCases: Record<string, OpCase[]> = {
  mean: meanCases,
  relu: reluCases,
  sum: sumCases,
};
