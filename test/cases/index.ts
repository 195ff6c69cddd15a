import { augmentCases } from "./augment.ts";
import { binaryCases } from "./binary.ts";
import type { OpCase } from "./case.ts";
import { conv2dCases, convTranspose2dCases, fusedConvCases } from "./conv2d.ts";
import { crossEntropyCases } from "./cross_entropy.ts";
import { gatherImagesCases, maskCases, normalizeCases } from "./image.ts";
import { embeddingCases, gatherCases, indexSelectCases, oneHotCases } from "./indexing.ts";
import { interpolateCases } from "./interpolate.ts";
import { catCases, padCases, stackCases } from "./join.ts";
import { linearCases, matmulCases } from "./matmul.ts";
import { normCases } from "./norm.ts";
import { pairLossCases } from "./pair_loss.ts";
import { adaptiveAvgPool2dCases, avgPool2dCases, maxPool2dCases } from "./pool2d.ts";
import { extremumCases, meanCases, sumCases, varianceCases } from "./reduce.ts";
import { softmaxCases } from "./softmax.ts";
import { unaryCases } from "./unary.ts";
import {
  expandCases,
  flipCases,
  maskedFillCases,
  permuteCases,
  reshapeCases,
  sliceCases,
  triangleCases,
} from "./view.ts";

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
  fusedConv: fusedConvCases,
  convTranspose2d: convTranspose2dCases,
  linear: linearCases,
  matmul: matmulCases,
  pairLoss: pairLossCases,
  sum: sumCases,
  augment: augmentCases,
  gatherImages: gatherImagesCases,
  normalize: normalizeCases,
  masks: maskCases,
  reshape: reshapeCases,
  permute: permuteCases,
  slice: sliceCases,
  flip: flipCases,
  expand: expandCases,
  triangle: triangleCases,
  maskedFill: maskedFillCases,
  cat: catCases,
  stack: stackCases,
  pad: padCases,
  indexSelect: indexSelectCases,
  gather: gatherCases,
  embedding: embeddingCases,
  oneHot: oneHotCases,
};
