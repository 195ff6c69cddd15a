import type { DType } from "../../../ops/core/array.ts";
import { addToLength, productOf } from "../length.ts";
import type { OperatorWriter, StepWriter } from "../operator_writer.ts";
import { formulas } from "./elementwise.ts";
import { listedDims } from "./movement.ts";

/** bool is reduced as int32. */
const numeric = (s: StepWriter): DType => (s.dtype(0) === "bool" ? "int32" : s.dtype(0));

const reduction =
  (opType: string, isSum = false): OperatorWriter =>
  (s) => {
    const dtype = numeric(s);
    const y = s.nodes.reduce(opType, s.x(0, dtype), listedDims(s), s.attribute("keepdim"));
    return isSum ? y : s.nodes.cast(y, dtype, s.dtype(0));
  };

/** The variance over dimensions: the mean of squared deviations, with the divisor n - correction. */
const variance =
  (root: boolean): OperatorWriter =>
  (s) => {
    const { sub, mul, div } = formulas(s);
    const dims = listedDims(s);
    const count =
      productOf(dims.map((d) => s.shape(0)[d])) ??
      s.refuse("it reduces two dimensions that depend on the size of the batch");
    const correction = s.attribute<number>("correction");
    const divisor = addToLength(count, -correction);
    const x = s.x(0);
    const deviation = sub(x, s.nodes.reduce("ReduceMean", x, dims, true));
    const squares = s.nodes.reduce("ReduceSum", mul(deviation, deviation), dims, s.attribute("keepdim"));
    const positive = typeof divisor === "number" ? Math.max(divisor, 0) : divisor;
    const y = div(squares, s.nodes.number(positive, "float32"));
    return root ? s.nodes.node("Sqrt", [y]) : y;
  };

/** The extreme element of a tensor, or of a dimension with its position. */
const extremum =
  (kind: "Max" | "Min"): OperatorWriter =>
  (s) => {
    const dtype = numeric(s);
    const x = s.x(0, dtype);
    if (s.attribute("dim") === undefined) {
      const y = s.nodes.reduce(`Reduce${kind}`, x, [...s.shape(0).keys()], false);
      return s.nodes.cast(y, dtype, s.dtype(0));
    }
    if (s.shape(0).length === 0) return [s.x(0), s.nodes.scalar(0, "int32")];
    const [axis, keepdims] = [s.dim(), Number(s.attribute<boolean>("keepdim"))];
    const values = s.nodes.reduce(`Reduce${kind}`, x, [axis], keepdims === 1);
    const indices = s.nodes.node(`Arg${kind}`, [x], { axis, keepdims });
    return [s.nodes.cast(values, dtype, s.dtype(0)), s.nodes.cast(indices, "int64", "int32")];
  };

const position =
  (opType: "ArgMax" | "ArgMin"): OperatorWriter =>
  (s) => {
    const x = s.x(0, numeric(s));
    const shape = s.shape(0);
    const keepdims = Number(s.attribute<boolean>("keepdim"));
    if (s.attribute("dim") !== null && shape.length > 0) {
      return s.nodes.cast(s.nodes.node(opType, [x], { axis: s.dim(), keepdims }), "int64", "int32");
    }
    const flat = s.nodes.node("Reshape", [x, s.nodes.lengths([-1])]);
    const index = s.nodes.cast(s.nodes.node(opType, [flat], { axis: 0, keepdims: 0 }), "int64", "int32");
    return s.nodes.reshape(index, [], s.result);
  };

const product: OperatorWriter = (s) => {
  const dims = s.attribute("dim") === null || s.shape(0).length === 0 ? [...s.shape(0).keys()] : [s.dim()];
  return s.nodes.reduce("ReduceProd", s.x(0, numeric(s)), dims, s.attribute("keepdim"));
};

const cumsum: OperatorWriter = (s) => {
  const x = s.x(0, numeric(s));
  return s.shape(0).length === 0 ? x : s.nodes.node("CumSum", [x, s.nodes.scalar(s.dim(), "int64")]);
};

/** The k first elements of a dimension and their positions. */
function firstOf(s: StepWriter, k: string, largest: boolean): [values: string, indices: string] {
  const dtype = numeric(s);
  const [values, indices] = s.nodes.nodeOf("TopK", [s.x(0, dtype), k], { axis: s.dim(), largest: Number(largest) }, 2);
  return [s.nodes.cast(values, dtype, s.dtype(0)), s.nodes.cast(indices, "int64", "int32")];
}

const sort: OperatorWriter = (s) =>
  s.shape(0).length === 0
    ? [s.x(0), s.nodes.scalar(0, "int32")]
    : firstOf(s, s.nodes.lengths([s.shape(0)[s.dim()]]), s.attribute("descending"));

const topk: OperatorWriter = (s) => {
  if (s.shape(0).length === 0) s.refuse("of a scalar");
  return firstOf(s, s.nodes.lengths([s.attribute<number>("k")]), s.attribute("largest"));
};

/** The k-th smallest element. */
function kth(s: StepWriter, k: number): string[] {
  if (s.shape(0).length === 0) return [s.x(0), s.nodes.scalar(0, "int32")];
  const d = s.dim();
  return firstOf(s, s.nodes.lengths([k]), false).map((y) => {
    const picked = s.nodes.pick(y, d, k - 1);
    return s.attribute<boolean>("keepdim") ? s.nodes.unsqueeze(picked, [d]) : picked;
  });
}

const median: OperatorWriter = (s) => {
  const [length] = s.fixed([s.shape(0)[s.dim()] ?? 1], "the dimension");
  return kth(s, Math.floor((length + 1) / 2));
};

/** The number of elements before each value: the sum of comparisons with all elements. */
const searchSorted: OperatorWriter = (s) => {
  const isVector = s.shape(0).length === 1;
  const rank = s.shape(1).length;
  const values = s.nodes.unsqueeze(s.x(1, "float32"), [rank]);
  const sequence = isVector ? s.x(0, "float32") : s.nodes.unsqueeze(s.x(0, "float32"), [rank - 1]);
  const isBefore = s.nodes.node(s.attribute<boolean>("right") ? "LessOrEqual" : "Less", [sequence, values]);
  return s.nodes.reduce("ReduceSum", s.nodes.cast(isBefore, "bool", "int32"), [rank], false);
};

export const REDUCE: Readonly<Record<string, OperatorWriter>> = {
  sum: reduction("ReduceSum", true),
  mean: reduction("ReduceMean"),
  amax: reduction("ReduceMax"),
  amin: reduction("ReduceMin"),
  var: variance(false),
  std: variance(true),
  max: extremum("Max"),
  min: extremum("Min"),
  argmax: position("ArgMax"),
  argmin: position("ArgMin"),
  prod: product,
  cumsum,
  sort,
  topk,
  kthvalue: (s) => kth(s, s.attribute<number>("k")),
  median,
  searchsorted: searchSorted,
  bucketize: searchSorted,
};
