import type { OpCase } from "./case.ts";
import { conv2dCases, convTranspose2dCases, fusedConvCases } from "./conv/conv2d.ts";
import { binaryCases } from "./elementwise/binary.ts";
import { unaryCases } from "./elementwise/unary.ts";
import { augmentCases } from "./image/augment.ts";
import { gatherImagesCases, maskCases, normalizeCases } from "./image/images.ts";
import { interpolateCases } from "./image/interpolate.ts";
import { crossEntropyCases } from "./loss/cross_entropy.ts";
import { pairLossCases } from "./loss/pairwise.ts";
import { softmaxCases } from "./loss/softmax.ts";
import { linearCases, matmulCases } from "./matmul/matmul.ts";
import { embeddingCases, gatherCases, indexSelectCases, oneHotCases } from "./movement/indexing.ts";
import { catCases, padCases, stackCases } from "./movement/join.ts";
import {
  expandCases,
  flipCases,
  maskedFillCases,
  permuteCases,
  reshapeCases,
  sliceCases,
  triangleCases,
} from "./movement/view.ts";
import { normCases } from "./norm/norm.ts";
import { adaptiveAvgPool2dCases, avgPool2dCases, maxPool2dCases } from "./pool/pool2d.ts";
import { extremumCases, meanCases, sumCases, varianceCases } from "./reduce/reduce.ts";

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
