import type { OpCase } from "./case.ts";
import { reluCases } from "./relu.ts";

/** Every op's cases. */
export const allCases: Record<string, OpCase[]> = {
  relu: reluCases,
};
