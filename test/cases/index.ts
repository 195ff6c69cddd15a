import { binaryCases } from "./binary.ts";
import type { OpCase } from "./case.ts";
import { conv2dCases, convTranspose2dCases } from "./conv2d.ts";
import { crossEntropyCases } from "./cross_entropy.ts";
import { gatherImagesCases, maskCases, normalizeCases } from "./image.ts";
import { interpolateCases } from "./interpolate.ts";
import { linearCases, matmulCases } from "./matmul.ts";
import { normCases } from "./norm.ts";
import { pairLossCases } from "./pair_loss.ts";
import { adaptiveAvgPool2dCases, avgPool2dCases, maxPool2dCases } from "./pool2d.ts";
import { extremumCases, meanCases, sumCases, varianceCases } from "./reduce.ts";
import { softmaxCases } from "./softmax.ts";
import { unaryCases } from "./unary.ts";

/** Every op's cases. */
export const allCases: Record<string, OpCase[]> = {
  extremum: extremumCases,
  norm: normCases,
  variance: varianceCases,
  crossEntropy: crossEntropyCases,
  softmax: softmaxCases,
  ...binaryCases,
  ...unaryCases,
  maxPool2d: maxPool2dCases,
  avgPool2d: avgPool2dCases,
  adaptiveAvgPool2d: adaptiveAvgPool2dCases,
  interpolate: interpolateCases,
  mean: meanCases,
  conv2d: conv2dCases,
  convTranspose2d: convTranspose2dCases,
  linear: linearCases,
  matmul: matmulCases,
  pairLoss: pairLossCases,
  sum: sumCases,
  gatherImages: gatherImagesCases,
  normalize: normalizeCases,
  masks: maskCases,
};
