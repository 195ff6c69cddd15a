import type { NDArray } from "../../ops/core/array.ts";
import { checkDims, type Dims, reducedShape } from "../../ops/core/axis.ts";
import { Gather } from "../../ops/movement/indexing.ts";
import { Extremum, ExtremumOfAll } from "../../ops/reduce/extremum.ts";
import { ExtremumOver } from "../../ops/reduce/extremum_over.ts";
import { Mean, Sum } from "../../ops/reduce/sum.ts";
import { StandardDeviation, Variance, type VarianceOp } from "../../ops/reduce/variance.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type GradientRule, linear, linearOp, pullback, type RuleEntry } from "../rule.ts";

/** x - mean, and `dy` divided by the divisor, of a shape that broadcasts to it. */
function deviations({ reduced, divisor }: VarianceOp, x: Tensor, dy: Tensor): [deviations: Tensor, share: Tensor] {
  const kept = reducedShape(x.shape, reduced, true);
  const dims = reduced.flatMap((is, d) => (is ? [d] : []));
  const mean = dims.length === 0 ? x : x.mean(dims, { keepdim: true });
  return [x.sub(mean), dy.reshape(kept).div(divisor)];
}

const variance: GradientRule<Variance> = (op, dy, node) => {
  const [distance, share] = deviations(op, node.input(0), dy);
  return [distance.mul(share.mul(2))];
};

const standardDeviation: GradientRule<StandardDeviation> = (op, dy, node) => {
  const [distance, share] = deviations(op, node.input(0), dy);
  const y = node.output(2).reshape(share.shape);
  const none = y.eq(0);
  return [distance.mul(share.mul(0).where(none, share.div(y.mul(0).add(1).where(none, y))))];
};

const extremumOfAll: GradientRule<ExtremumOfAll> = (_op, dy, node) => {
  const x = node.constant(0);
  const equal = x.eq(node.constant(1));
  const count = equal.sum(); // of NaN there is none
  return [dy.mul(equal.float().div(count))];
};

const extremumOver: GradientRule<ExtremumOver> = (op, dy, node) => {
  const x = node.constant(0);
  const reduced = checkDims(op.name, op.attributes.dim as Dims, x.dim());
  const kept = reducedShape(x.shape, reduced, true);
  const dims = reduced.flatMap((is, d) => (is ? [d] : []));
  const equal = x.eq(node.constant(1).reshape(kept));
  const count = dims.length === 0 ? 1 : equal.sum(dims, { keepdim: true });
  return [dy.reshape(kept).div(count).mul(equal)];
};

const extremum: GradientRule<Extremum> = (op, dy, { arrays }) => {
  const [indices] = arrays as [NDArray];
  const dim = op.attributes.dim as number;
  const read = (g: NDArray) => {
    if (g.shape.length === 0) return g;
    const kept = g.shape.map((length, d) => (d === (dim < 0 ? dim + g.shape.length : dim) ? 1 : length));
    return new Gather(dim).forward(g, indices.withShape(kept)).withShape(indices.shape);
  };
  return [linear(op, dy, pullback(op, 0, arrays), read, arrays)];
};

export const reduceRules: RuleEntry[] = [
  [Sum, linearOp],
  [Mean, linearOp],
  [Variance, variance],
  [StandardDeviation, standardDeviation],
  [ExtremumOfAll, extremumOfAll],
  [Extremum, extremum],
  [ExtremumOver, extremumOver],
];
