/** Every class of operations has an operator of ONNX, or is refused with a reason. */
import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { refusalOf, writerOf } from "../../../src/onnx/export/operators/index.ts";
import { Op } from "../../../src/ops/core/op.ts";
import type { Comparison } from "../../../src/ops/elementwise/binary.ts";
import type { MathName } from "../../../src/ops/elementwise/functions.ts";
import type { UnaryName } from "../../../src/ops/elementwise/unary.ts";

const folder = new URL("../../../src/ops/", import.meta.url);
const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
const modules = await Promise.all(
  files.map(async (file): Promise<Record<string, unknown>> => await import(new URL(file, folder).href)),
);

/** All classes of operations that are not base classes of others only. */
const BASES = ["Op", "Binary", "Choice", "OneOfSorted", "SoftmaxOp", "VarianceOp"];

const classes = Object.fromEntries(
  modules
    .flatMap((module) => Object.entries(module))
    .filter(([name, value]) => typeof value === "function" && value.prototype instanceof Op && !BASES.includes(name)),
) as Record<string, new (...args: never[]) => Op>;

const UNARY: Record<UnaryName, true> = {
  relu: true,
  leakyRelu: true,
  elu: true,
  gelu: true,
  geluTanh: true,
  silu: true,
  softplus: true,
  sigmoid: true,
  tanh: true,
  clamp: true,
  exp: true,
  expm1: true,
  log: true,
  log1p: true,
  sqrt: true,
  rsqrt: true,
  reciprocal: true,
  square: true,
  sin: true,
  cos: true,
  erf: true,
  abs: true,
  mish: true,
  hardswish: true,
  hardsigmoid: true,
  softsign: true,
};
const MATH: Record<MathName, true> = {
  log2: true,
  log10: true,
  exp2: true,
  tan: true,
  asin: true,
  acos: true,
  atan: true,
  sinh: true,
  cosh: true,
};
const COMPARE: Record<Comparison, true> = { eq: true, ne: true, lt: true, le: true, gt: true, ge: true };

/** The arguments of a class's constructor, for each of the operations that the class makes. */
const ARGUMENTS: Record<string, unknown[][]> = {
  Unary: Object.keys(UNARY).map((name) => [name]),
  MathFunction: Object.keys(MATH).map((name) => [name]),
  Compare: Object.keys(COMPARE).map((name) => [name]),
  Logical: [["logicalAnd"], ["logicalOr"], ["logicalXor"]],
  StepFunction: [["floor"], ["ceil"], ["round"], ["sign"]],
  WholeOrFraction: [["trunc"], ["frac"]],
  Clamp: [[{ min: 0 }]],
  Cast: [["int32"]],
  Remainder: [["fmod"], ["remainder"]],
  AddProduct: [
    ["addcmul", 1],
    ["addcdiv", 1],
  ],
  Polygamma: [
    ["digamma", 0],
    ["polygamma", 1],
  ],
  View: [["permute", {}, () => {}]],
  Reshape: [["view", {}, () => {}]],
  Positions: [["roll", {}, () => {}]],
  Expand: [[[2]]],
  DiagEmbed: [[0, -2, -1]],
  Unfold: [[0, 2, 1]],
  PadConstant: [[[1, 1], 0]],
  PadBorder: [
    [[1, 1], "reflect"],
    [[1, 1], "replicate"],
    [[1, 1], "circular"],
  ],
  Cat: [[0]],
  Scatter: [
    ["scatter", 0],
    ["scatterAdd", 0],
  ],
  IndexRows: [
    ["indexAdd", 0],
    ["indexCopy", 0],
  ],
  Triangle: [
    ["tril", 0],
    ["triu", 0],
  ],
  IndexSelect: [[0]],
  Embedding: [[null]],
  Gather: [[0]],
  OneHot: [[3]],
  Dropout: [[0.5, { seed: 0, offset: 0 }]],
  Lstm: [[false]],
  Gru: [[false]],
  Rnn: [["tanh", false]],
  NormalizePlanes: [[[0], [1]]],
  Interpolate: [[{ size: 2 }]],
  Mode: [[0]],
  SearchSorted: [["searchsorted"], ["bucketize"]],
  Bincount: [[0]],
  Histc: [[2]],
  Sort: [[0]],
  Topk: [[1, 0]],
  KthValue: [[1, 0]],
  Median: [
    ["median", 0],
    ["nanmedian", 0],
  ],
  LayerNorm: [[[2], 1e-5]],
  BatchNorm: [[{ training: false, momentum: 0.1, eps: 1e-5 }]],
  GroupNorm: [[1, 1e-5]],
  Normalize: [[0, 1e-12]],
  ConvPass: [["input", null, null]],
  Conv2d: [[{}]],
  Conv2dReluPool: [[{}, null, null]],
  ConvTranspose2d: [[{}]],
  Softmax: [[0]],
  LogSoftmax: [[0]],
  CrossEntropy: [
    ["crossEntropy", {}],
    ["nllLoss", {}],
  ],
  PairLoss: [
    "mseLoss",
    "l1Loss",
    "smoothL1Loss",
    "binaryCrossEntropy",
    "binaryCrossEntropyWithLogits",
    "klDiv",
    "klDivLogTarget",
  ].map((name) => [name, { reduction: "mean" }]),
  MaxPool2d: [[2]],
  AvgPool2d: [[2]],
  AdaptiveAvgPool2d: [[1]],
  LinearMap: [["sum", () => {}, () => {}, []]],
  ExtremumOfAll: [["max"], ["min"]],
  Extremum: [
    ["max", 0],
    ["min", 0],
  ],
  IndexOfExtremum: [["argmax"], ["argmin"]],
  ExtremumOver: [["amax"], ["amin"]],
  Scan: [
    ["cumsum", 0],
    ["cumprod", 0],
  ],
  Product: [[null]],
  CumulativeExtremum: [
    ["cummax", 0],
    ["cummin", 0],
  ],
};

/** Operations without an operator. */
const REFUSED = [
  "bincount",
  "convPass",
  "cummax",
  "cummin",
  "cumprod",
  "digamma",
  "dropout",
  "erfinv",
  "histc",
  "lgamma",
  "maskedScatter",
  "maskedSelect",
  "mode",
  "nanmedian",
  "nonzero",
  "polygamma",
  "unique",
];

describe("operations", () => {
  it("are the classes that this test knows", () => {
    expect(Object.keys(classes).length).toBeGreaterThan(65);
    const unknown = Object.keys(ARGUMENTS).filter((name) => !(name in classes));
    expect(unknown).toEqual([]);
  });

  const refused = new Set<string>();
  for (const [name, Class] of Object.entries(classes)) {
    it(`${name} has an operator or a reason`, () => {
      for (const args of ARGUMENTS[name] ?? [[]]) {
        const op = new Class(...(args as never[]));
        const reason = refusalOf(op);
        if (reason === null) expect(writerOf(op) !== undefined || ["lstm", "gru", "rnn"].includes(op.name)).toBe(true);
        else {
          expect(reason).toMatch(/no such operator|depends on elements|eval\(\)|gradient/);
          if (name !== "LinearMap") refused.add(op.name);
        }
      }
    });
  }

  it("that are refused are these", () => {
    expect([...refused].sort()).toEqual(REFUSED);
  });
});
