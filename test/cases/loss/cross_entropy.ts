import { nn } from "wasmgrad";
import { at, build, type OpCase, type Ref } from "../case.ts";
import { referenceLogSoftmax } from "./softmax.ts";

const F = nn.functional;

interface Line {
  shape: number[];
  reduction?: "mean" | "sum" | "none";
  weighted?: boolean;
  labelSmoothing?: number;
  ignoreIndex?: number;
}

const lines: Line[] = [
  { shape: [1] },
  { shape: [5] },
  { shape: [1, 1] },
  { shape: [4, 3] },
  { shape: [3, 9], reduction: "sum" },
  { shape: [3, 9], reduction: "none" },
  { shape: [2, 3, 5] },
  { shape: [2, 3, 5], reduction: "none", weighted: true },
  { shape: [2, 4, 3, 2], weighted: true },
  { shape: [7, 5], weighted: true },
  { shape: [7, 5], weighted: true, labelSmoothing: 0.2 },
  { shape: [7, 5], labelSmoothing: 1 },
  { shape: [2, 5, 3], labelSmoothing: 0.1, reduction: "sum" },
  { shape: [9, 3], ignoreIndex: 1 },
  { shape: [2, 3, 6], ignoreIndex: 2, weighted: true, labelSmoothing: 0.3 },
  { shape: [9, 3], ignoreIndex: 0, reduction: "none", labelSmoothing: 0.3 },
  { shape: [0, 3], reduction: "sum" },
  { shape: [0, 3] },
];

/**
 * PyTorch's definition: the terms of class indices; a mean divides by the weights of the targets that count.
 */
function reference(logP: Ref, target: Ref, weight: Ref, line: Line): Ref {
  const { shape, labelSmoothing = 0, ignoreIndex, reduction = "mean" } = line;
  const dim = shape.length === 1 ? 0 : 1;
  let divisor = 0;
  const terms = build(target.shape, (...index) => {
    const t = at(target, ...index);
    if (t === ignoreIndex) return 0;
    const of = (c: number) => -weight.data[c] * at(logP, ...index.slice(0, dim), c, ...index.slice(dim));
    divisor += weight.data[t];
    let even = 0;
    for (let c = 0; c < shape[dim]; c++) even += of(c) / shape[dim];
    return (1 - labelSmoothing) * of(t) + labelSmoothing * even;
  });
  if (reduction === "none") return terms;
  const sum = terms.data.reduce((a, b) => a + b, 0);
  return { shape: [], data: Float64Array.of(reduction === "mean" ? sum / divisor : sum) };
}

const positions = (shape: number[]) => shape.filter((_, d) => d !== (shape.length === 1 ? 0 : 1));
const classes = (shape: number[]) => shape[shape.length === 1 ? 0 : 1];
const named = ({ shape, ...options }: Line) => `[${shape}] ${JSON.stringify(options)}`;

function indexCase(op: "crossEntropy" | "nllLoss", line: Line): OpCase {
  const { shape, weighted, labelSmoothing, ignoreIndex, reduction } = line;
  const c = classes(shape);
  return {
    name: `${op} ${named(line)}`,
    inputs: [
      { shape, low: -4, high: 4 },
      { shape: positions(shape), dtype: "int32", low: 0, high: c },
      weighted ? { shape: [c], low: 0.2, high: 2, grad: false } : { shape: [c], values: Array(c).fill(1), grad: false },
    ],
    run: (x, target, weight) => {
      const options = { ignoreIndex, reduction, ...(weighted ? { weight } : {}) };
      return op === "nllLoss"
        ? F.nllLoss(x, target, options)
        : F.crossEntropy(x, target, { ...options, labelSmoothing });
    },
    reference: (x, target, weight) =>
      reference(op === "nllLoss" ? x : referenceLogSoftmax(x, shape.length === 1 ? 0 : 1), target, weight, line),
  };
}

function probabilityCase(line: Line): OpCase {
  const { shape, weighted, labelSmoothing = 0, reduction = "mean" } = line;
  const dim = shape.length === 1 ? 0 : 1;
  const c = shape[dim];
  return {
    name: `crossEntropy of probabilities ${named(line)}`,
    inputs: [{ shape }, { shape, low: 0, high: 1 }, { shape: [c], low: 0.2, grad: false }],
    run: (x, target, weight) =>
      F.crossEntropy(x, target, { reduction, labelSmoothing, ...(weighted ? { weight } : {}) }),
    reference: (x, target, weight) => {
      const logP = referenceLogSoftmax(x, dim);
      const terms = build(positions(shape), (...index) => {
        let sum = 0;
        for (let k = 0; k < c; k++) {
          const full = [...index.slice(0, dim), k, ...index.slice(dim)];
          const t = at(target, ...full) * (1 - labelSmoothing) + labelSmoothing / c;
          sum -= (weighted ? weight.data[k] : 1) * t * at(logP, ...full);
        }
        return sum;
      });
      if (reduction === "none") return terms;
      const sum = terms.data.reduce((a, b) => a + b, 0);
      return { shape: [], data: Float64Array.of(reduction === "mean" ? sum / terms.data.length : sum) };
    },
  };
}

export const crossEntropyCases: OpCase[] = [
  ...lines.map((line) => indexCase("crossEntropy", line)),
  ...lines.filter((line) => !line.labelSmoothing).map((line) => indexCase("nllLoss", line)),
  ...lines.filter((line) => line.ignoreIndex === undefined).map(probabilityCase),
];
