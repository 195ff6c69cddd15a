import type { OpCase } from "./case.ts";
import {
  conv2dCases,
  convTranspose2dCases,
  fusedConvCases,
  largeConvCases,
  largeConvTransposeCases,
} from "./conv/conv2d.ts";
import { binaryCases, largeBinaryCases } from "./elementwise/binary.ts";
import { castCases } from "./elementwise/cast.ts";
import {
  atan2Cases,
  floorDivideCases,
  mathFunctionCases,
  remainderCases,
  specialFunctionCases,
  ternaryCases,
} from "./elementwise/functions.ts";
import { largeUnaryCases, unaryCases } from "./elementwise/unary.ts";
import { augmentCases } from "./image/augment.ts";
import { gridSampleCases } from "./image/grid_sample.ts";
import { gatherImagesCases, maskCases, normalizeCases } from "./image/images.ts";
import { interpolateCases } from "./image/interpolate.ts";
import { crossEntropyCases } from "./loss/cross_entropy.ts";
import { pairLossCases } from "./loss/pairwise.ts";
import { largeSoftmaxCases, softmaxCases } from "./loss/softmax.ts";
import { causalAttentionCases } from "./matmul/attention.ts";
import { linearCases, matmulCases } from "./matmul/matmul.ts";
import { largeMatmulCases } from "./matmul/product.ts";
import { embeddingCases, gatherCases, indexSelectCases, oneHotCases } from "./movement/indexing.ts";
import { catCases, padCases, stackCases } from "./movement/join.ts";
import { diagEmbedCases, diagonalCases, repeatInterleaveCases, rollCases, unfoldCases } from "./movement/rearrange.ts";
import { atCases, maskedCases, scatterCases } from "./movement/scatter.ts";
import {
  expandCases,
  flipCases,
  maskedFillCases,
  permuteCases,
  reshapeCases,
  sliceCases,
  triangleCases,
} from "./movement/view.ts";
import { largeNormCases, normCases } from "./norm/norm.ts";
import { binsCases, selectionCases, sortCases, topkCases, uniqueCases } from "./order/sort.ts";
import { adaptiveAvgPool2dCases, avgPool2dCases, largePoolCases, maxPool2dCases } from "./pool/pool2d.ts";
import { dropoutCases } from "./random/dropout.ts";
import { recurrentCases } from "./recurrent/recurrent.ts";
import { extremumOverCases } from "./reduce/extremum_over.ts";
import { extremumCases, largeSumCases, meanCases, sumCases, varianceCases } from "./reduce/reduce.ts";
import { cumulativeCases, productCases, scanCases } from "./reduce/scan.ts";

/** The cases of every op, by family and op. */
export const casesByFamily: Record<string, Record<string, OpCase[]>> = {
  conv: { conv2d: conv2dCases, fusedConv: fusedConvCases, convTranspose2d: convTranspose2dCases },
  elementwise: {
    ...binaryCases,
    ...unaryCases,
    atan2: atan2Cases,
    cast: castCases,
    floorDivide: floorDivideCases,
    mathFunctions: mathFunctionCases,
    specialFunctions: specialFunctionCases,
    remainder: remainderCases,
    ternary: ternaryCases,
  },
  image: {
    augment: augmentCases,
    gatherImages: gatherImagesCases,
    gridSample: gridSampleCases,
    interpolate: interpolateCases,
    masks: maskCases,
    normalize: normalizeCases,
  },
  loss: { crossEntropy: crossEntropyCases, pairLoss: pairLossCases, softmax: softmaxCases },
  matmul: { causalAttention: causalAttentionCases, linear: linearCases, matmul: matmulCases },
  movement: {
    at: atCases,
    cat: catCases,
    diagEmbed: diagEmbedCases,
    diagonal: diagonalCases,
    embedding: embeddingCases,
    expand: expandCases,
    flip: flipCases,
    gather: gatherCases,
    indexSelect: indexSelectCases,
    masked: maskedCases,
    maskedFill: maskedFillCases,
    oneHot: oneHotCases,
    pad: padCases,
    permute: permuteCases,
    repeatInterleave: repeatInterleaveCases,
    reshape: reshapeCases,
    roll: rollCases,
    scatter: scatterCases,
    slice: sliceCases,
    stack: stackCases,
    triangle: triangleCases,
    unfold: unfoldCases,
  },
  norm: { norm: normCases },
  pool: { adaptiveAvgPool2d: adaptiveAvgPool2dCases, avgPool2d: avgPool2dCases, maxPool2d: maxPool2dCases },
  order: {
    bins: binsCases,
    selection: selectionCases,
    sort: sortCases,
    topk: topkCases,
    unique: uniqueCases,
  },
  recurrent: { recurrent: recurrentCases },
  random: { dropout: dropoutCases },
  reduce: {
    cumulative: cumulativeCases,
    extremum: extremumCases,
    extremumOver: extremumOverCases,
    mean: meanCases,
    product: productCases,
    scan: scanCases,
    sum: sumCases,
    variance: varianceCases,
  },
};

/** Larger sizes of some ops, which the benchmarks time as well, and check at some positions only. */
export const largeCases: Record<string, OpCase[]> = {
  conv2d: largeConvCases,
  convTranspose2d: largeConvTransposeCases,
  matmul: largeMatmulCases,
  norm: largeNormCases,
  softmax: largeSoftmaxCases,
  sum: largeSumCases,
  ...largeBinaryCases,
  ...largeUnaryCases,
  ...largePoolCases,
};

/** Every op's cases. */
export const allCases: Record<string, OpCase[]> = Object.assign({}, ...Object.values(casesByFamily));
