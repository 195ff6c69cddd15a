/** The attributes of an operation: they contain all of its options, and JSON can represent them. */
import { describe, expect, test } from "vitest";
import { cat, nn, noGrad, ones, scope, tensor, traceOperations, zeros } from "wasmgrad";
import { transforms } from "wasmgrad/vision";
import type { DType } from "../../../src/ops/core/array.ts";
import type { Op } from "../../../src/ops/core/op.ts";
import { Gru } from "../../../src/ops/recurrent/gru.ts";
import { Lstm } from "../../../src/ops/recurrent/lstm.ts";
import { Rnn } from "../../../src/ops/recurrent/rnn.ts";
import { apply } from "../../../src/tensor/apply.ts";
import { allCases } from "../../cases/index.ts";
import { expectClose } from "../../support/compare.ts";
import { watchOperations } from "../../support/coverage.ts";

const { functional: F } = nn;

/** An input of an operation, kept beyond the scope of the case it ran in. */
type Kept = { values: number[]; shape: readonly number[]; dtype: DType } | number | null;

interface Seen {
  op: Op;
  inputs: Kept[];
}

const seen: Seen[] = [];
for (const testCase of Object.values(allCases).flat()) {
  watchOperations(testCase, (op, inputs) => {
    const kept = inputs.map((x) =>
      x === null || typeof x === "number" ? x : { values: [...x.view()], shape: x.shape, dtype: x.dtype },
    );
    seen.push({ op, inputs: kept });
  });
}

test("attributes survive JSON, in every case of every operation", () => {
  expect(new Set(seen.map(({ op }) => op.constructor.name)).size).toBeGreaterThan(80);
  for (const { op } of seen) expect(JSON.parse(JSON.stringify(op.attributes))).toStrictEqual({ ...op.attributes });
});

describe("operations of the same name and attributes compute the same", () => {
  const results = ({ op }: Seen, { inputs }: Seen): number[] =>
    noGrad(() => {
      const tensors = inputs.map((x) =>
        x === null || typeof x === "number" ? x : tensor(x.values, { shape: [...x.shape], dtype: x.dtype }),
      );
      return [...apply(op, ...tensors).data()];
    });

  const groups = new Map<string, Seen[]>();
  for (const one of seen) {
    const shapes = one.inputs.map((x) => (x === null || typeof x === "number" ? x : [x.shape, x.dtype]));
    const key = JSON.stringify([one.op.name, one.op.attributes, shapes]);
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  const several = [...groups].filter(([, members]) => members.length > 1);

  test("some operations were made more than once", () => expect(several.length).toBeGreaterThan(100));

  test("on the inputs of the first, their results are equal", () => {
    for (const [key, [first, ...others]] of several) {
      for (const other of others) scope(() => expectClose(key, results(other, first), results(first, first), 1e-3));
    }
  });
});

describe("names are those of the options", () => {
  const image = ones([1, 2, 6, 6]);
  const kernel = ones([2, 2, 3, 3]);
  const matrix = ones([2, 3]);
  const indices = zeros([4], { dtype: "int32" });
  const target = zeros([1, 6, 6], { dtype: "int32" });
  const state = zeros([1, 1]);

  const options: [name: string, run: () => unknown, attributes: object][] = [
    ["add", () => image.add(1), {}],
    ["sum", () => image.sum([0, 1], { keepdim: true }), { dim: [0, 1], keepdim: true }],
    ["sum", () => image.sum(), { dim: null, keepdim: false }],
    ["var", () => image.var(1, { unbiased: false }), { dim: 1, correction: 0, keepdim: false }],
    ["var", () => image.var(), { dim: null, correction: 1, keepdim: false }],
    ["argmax", () => image.argmax(1), { dim: 1, keepdim: false }],
    ["max", () => image.max(-1, { keepdim: true }), { dim: -1, keepdim: true }],
    ["softmax", () => image.softmax(1), { dim: 1 }],
    ["to", () => image.int(), { dtype: "int32" }],
    ["clamp", () => image.clamp({ min: -Infinity, max: 2 }), { min: "-Infinity", max: 2 }],
    ["leakyRelu", () => F.leakyRelu(image), { negativeSlope: 0.01 }],
    ["elu", () => F.elu(image, { alpha: 2 }), { alpha: 2 }],
    ["gelu", () => F.gelu(image), { approximate: "none" }],
    ["geluTanh", () => F.gelu(image, { approximate: "tanh" }), { approximate: "tanh" }],
    ["softplus", () => F.softplus(image), { beta: 1, threshold: 20 }],
    [
      "conv2d",
      () => F.conv2d(image, kernel, null, { stride: [2, 1], padding: 1 }),
      { stride: [2, 1], padding: [1, 1], dilation: [1, 1], groups: 1, relu: false },
    ],
    [
      "conv2d",
      () => new nn.Sequential(new nn.Conv2d(2, 2, { kernelSize: 5, padding: "same" }), new nn.ReLU()).forward(image),
      { stride: [1, 1], padding: "same", dilation: [1, 1], groups: 1, relu: true },
    ],
    [
      "convTranspose2d",
      () => F.convTranspose2d(image, kernel, null, { stride: 2, outputPadding: 1 }),
      { stride: [2, 2], padding: [0, 0], outputPadding: [1, 1], dilation: [1, 1], groups: 1, relu: false },
    ],
    [
      "maxPool2d",
      () => F.maxPool2d(image, 3, { dilation: 2 }),
      {
        kernelSize: [3, 3],
        stride: [3, 3],
        padding: [0, 0],
        dilation: [2, 2],
        ceilMode: false,
        returnIndices: false,
      },
    ],
    [
      "avgPool2d",
      () => F.avgPool2d(image, [2, 3], { stride: 1 }),
      {
        kernelSize: [2, 3],
        stride: [1, 1],
        padding: [0, 0],
        ceilMode: false,
        countIncludePad: true,
        divisorOverride: null,
      },
    ],
    ["adaptiveAvgPool2d", () => F.adaptiveAvgPool2d(image, [null, 2]), { outputSize: [null, 2] }],
    [
      "interpolate",
      () => F.interpolate(image, { scaleFactor: 2, mode: "bilinear" }),
      { size: null, scaleFactor: [2, 2], mode: "bilinear", alignCorners: false, antialias: false },
    ],
    [
      "gridSample",
      () => F.gridSample(image, zeros([image.shape[0], 1, 1, 2]), { mode: "bicubic", paddingMode: "border" }),
      { mode: "bicubic", paddingMode: "border", alignCorners: false },
    ],
    ["pad", () => F.pad(image, [1, 2], { value: Infinity }), { padding: [1, 2], mode: "constant", value: "Infinity" }],
    ["pad", () => F.pad(image, [1, 2], { mode: "reflect" }), { padding: [1, 2], mode: "reflect" }],
    ["reshape", () => image.reshape([-1, 4]), { shape: [-1, 4] }],
    ["transpose", () => image.transpose(0, -1), { dim0: 0, dim1: -1 }],
    ["slice", () => image.slice(2, 1), { dim: 2, start: 1, end: "Infinity", step: 1 }],
    ["squeeze", () => image.squeeze(), { dim: null }],
    ["expand", () => image.expand([3, 2, 6, 6]), { shape: [3, 2, 6, 6] }],
    ["tril", () => image.tril(-1), { diagonal: -1 }],
    ["layerNorm", () => F.layerNorm(image, [6]), { normalizedShape: [6], eps: 1e-5 }],
    ["groupNorm", () => F.groupNorm(image, 2), { numGroups: 2, eps: 1e-5 }],
    [
      "batchNorm",
      () => F.batchNorm(image, null, null, { training: true }),
      { training: true, momentum: 0.1, eps: 1e-5 },
    ],
    [
      "crossEntropy",
      () => F.crossEntropy(image, target, { labelSmoothing: 0.1 }),
      { ignoreIndex: -100, labelSmoothing: 0.1, reduction: "mean" },
    ],
    ["mseLoss", () => F.mseLoss(image, image, { reduction: "sum" }), { reduction: "sum" }],
    ["smoothL1Loss", () => F.smoothL1Loss(image, image), { reduction: "mean", beta: 1 }],
    ["dropout", () => F.dropout(image, { p: 0.3 }), { p: 0.3 }],
    ["lstm", () => apply(new Lstm(true), zeros([1, 1, 4]), zeros([4, 1]), state, state, null), { reverse: true }],
    ["gru", () => apply(new Gru(false), zeros([1, 1, 3]), zeros([3, 1]), state, null, null), { reverse: false }],
    [
      "rnn",
      () => apply(new Rnn("relu", true), zeros([1, 1, 1]), zeros([1, 1]), state, null),
      { nonlinearity: "relu", reverse: true },
    ],
    ["oneHot", () => F.oneHot(target, 3), { numClasses: 3 }],
    ["mean", () => image.mean(1), { dim: 1, keepdim: false }],
    ["std", () => image.std(1, { correction: 2 }), { dim: 1, correction: 2, keepdim: false }],
    ["min", () => image.min(0), { dim: 0, keepdim: false }],
    ["argmin", () => image.argmin(), { dim: null, keepdim: false }],
    ["logSoftmax", () => image.logSoftmax(-1), { dim: -1 }],
    ["nllLoss", () => F.nllLoss(image, target), { ignoreIndex: -100, labelSmoothing: 0, reduction: "mean" }],
    ["l1Loss", () => F.l1Loss(image, image), { reduction: "mean" }],
    ["binaryCrossEntropy", () => F.binaryCrossEntropy(image, image), { reduction: "mean" }],
    [
      "binaryCrossEntropyWithLogits",
      () => F.binaryCrossEntropyWithLogits(image, image, { reduction: "none" }),
      { reduction: "none" },
    ],
    [
      "klDiv",
      () => F.klDiv(image, image, { logTarget: true, reduction: "batchmean" }),
      { reduction: "batchmean", logTarget: true },
    ],
    ["normalize", () => F.normalize(image, { dim: 2 }), { dim: 2, eps: 1e-12 }],
    ["normalize", () => transforms.normalize([0.5, 0], [1, 2])(image), { mean: [0.5, 0], std: [1, 2] }],
    ["cat", () => cat([image, image], 1), { dim: 1 }],
    ["embedding", () => F.embedding(indices, matrix, { paddingIdx: 1 }), { paddingIdx: 1 }],
    ["indexSelect", () => matrix.indexSelect(0, indices), { dim: 0 }],
    ["gather", () => matrix.gather(1, zeros([2, 1], { dtype: "int32" })), { dim: 1 }],
    ["flip", () => matrix.flip([0]), { dims: [0] }],
    ["permute", () => matrix.permute([1, 0]), { dims: [1, 0] }],
    ["view", () => matrix.view([-1]), { shape: [-1] }],
    ["flatten", () => image.flatten(1), { startDim: 1, endDim: -1 }],
    ["unflatten", () => matrix.unflatten(1, [3, 1]), { dim: 1, sizes: [3, 1] }],
    ["unsqueeze", () => matrix.unsqueeze(-1), { dim: -1 }],
    ["narrow", () => matrix.narrow(0, 1, 1), { dim: 0, start: 1, length: 1 }],
    ["select", () => matrix.select(1, 2), { dim: 1, index: 2 }],
    ["triu", () => matrix.triu(), { diagonal: 0 }],
    ["nanToNum", () => matrix.nanToNum({ nan: 1, posinf: 2, neginf: 3 }), { nan: 1, posinf: 2, neginf: 3 }],
    ["addcmul", () => matrix.addcmul(matrix, matrix), { value: 1 }],
    ["addcdiv", () => matrix.addcdiv(matrix, matrix, { value: 2 }), { value: 2 }],
    ["cumsum", () => matrix.cumsum(1), { dim: 1 }],
    ["cumprod", () => matrix.cumprod(0), { dim: 0 }],
    ["prod", () => matrix.prod(), { dim: null, keepdim: false }],
    ["cummax", () => matrix.cummax(1), { dim: 1 }],
    ["cummin", () => matrix.cummin(1), { dim: 1 }],
    ["sort", () => matrix.sort(0, { descending: true }), { dim: 0, descending: true }],
    ["topk", () => matrix.topk(2), { k: 2, dim: -1, largest: true }],
    ["kthvalue", () => matrix.kthvalue(2), { k: 2, dim: -1, keepdim: false }],
    ["mode", () => matrix.mode(1), { dim: 1, keepdim: false }],
    ["polygamma", () => matrix.polygamma(2), { n: 2 }],
    ["median", () => matrix.median(1), { dim: 1, keepdim: false }],
    ["nanmedian", () => matrix.nanmedian(1), { dim: 1, keepdim: false }],
    ["searchsorted", () => matrix.searchsorted(matrix, { right: true }), { right: true }],
    ["bucketize", () => matrix.bucketize(tensor([1, 2])), { right: false }],
    ["bincount", () => indices.bincount({ minlength: 3 }), { minlength: 3 }],
    ["histc", () => matrix.histc(3, { min: 0, max: 2 }), { bins: 3, min: 0, max: 2 }],
    ["scatter", () => tensor([1, 2]).scatter(0, indices, 3), { dim: 0 }],
    ["scatterAdd", () => tensor([1, 2]).scatterAdd(0, indices, ones([4])), { dim: 0 }],
    ["scatterReduce", () => tensor([1, 2]).scatterReduce(0, indices, ones([4]), "amax"), { dim: 0, reduce: "amax" }],
    ["indexAdd", () => matrix.indexAdd(1, indices, ones([2, 4]), { alpha: 2 }), { dim: 1, alpha: 2 }],
    ["indexCopy", () => matrix.indexCopy(1, indices, ones([2, 4])), { dim: 1, alpha: 1 }],
    ["at", () => matrix.at(0, "1:"), { index: [0, "1:"] }],
    ["amax", () => image.amax([0, 1]), { dim: [0, 1], keepdim: false }],
    ["amin", () => image.amin(2, { keepdim: true }), { dim: 2, keepdim: true }],
    ["diagonal", () => matrix.diagonal(1), { offset: 1, dim1: 0, dim2: 1 }],
    ["diagEmbed", () => matrix.diagEmbed(), { offset: 0, dim1: -2, dim2: -1 }],
    ["unfold", () => tensor([1, 2, 3]).unfold(0, 3, 1), { dim: 0, size: 3, step: 1 }],
    ["roll", () => matrix.roll(1, -1), { shifts: 1, dims: -1 }],
    [
      "repeatInterleave",
      () => matrix.repeatInterleave(tensor([1, 2, 0], { dtype: "int32" }), 1),
      { repeats: [1, 2, 0], dim: 1 },
    ],
  ];

  test("every operation with options is in the list", () => {
    const withOptions = seen.filter(({ op }) => Object.keys(op.attributes).length > 0).map(({ op }) => op.name);
    const named = new Set(options.map(([name]) => name));
    expect([...new Set(withOptions)].filter((name) => !named.has(name))).toEqual([]);
  });

  test.each(options)("%s", (name, run, attributes) => {
    const { entries } = traceOperations(run, { print: false });
    const operations = entries.filter(({ pass }) => pass !== null);
    expect(operations.map(({ operation }) => operation)).toEqual([name]);
    expect(operations[0].attributes).toStrictEqual(attributes);
  });
});
