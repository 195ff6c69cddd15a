import type { NDArray } from "../../ops/core/array.ts";
import { BatchNorm, GroupNorm } from "../../ops/norm/batch_group.ts";
import { LayerNorm } from "../../ops/norm/layer.ts";
import { Normalize } from "../../ops/norm/unit_vectors.ts";
import { roundQuotient } from "../../ops/reduce/sum.ts";
import { leaf } from "../../tensor/leaf.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type GradientRule, type SavedTensors, sumTo, withRule } from "../rule.ts";

/** x minus its mean and divided by its deviation, and that factor, as functions of x. */
function standardize(x: Tensor, dims: number[], eps: number): [unit: Tensor, inverse: Tensor] {
  const distance = x.sub(x.mean(dims, { keepdim: true }));
  const inverse = distance.square().mean(dims, { keepdim: true }).add(eps).rsqrt();
  return [distance.mul(inverse), inverse];
}

/** dx = (g - mean(g) - unit mean(g unit)) / deviation, where g is the gradient of `unit`. */
function throughStatistics(g: Tensor, unit: Tensor, inverse: Tensor, dims: number[]): Tensor {
  const mean = g.mean(dims, { keepdim: true });
  const along = unit.mul(g.mul(unit).mean(dims, { keepdim: true }));
  return g.sub(mean).sub(along).mul(inverse);
}

/** A vector with an element for each channel of [N,C,...], so that it broadcasts. */
const perChannel = (vector: Tensor, rank: number) => vector.reshape([-1, ...new Array<number>(rank - 2).fill(1)]);

const scaled = (dy: Tensor, weight: Tensor | null) => (weight ? dy.mul(weight) : dy);

const layerNorm: GradientRule<LayerNorm> = (op, dy, node) => {
  const shape = op.attributes.normalizedShape as number[];
  const x = node.input(0);
  const dims = shape.map((_, i) => x.dim() - 1 - i);
  const [unit, inverse] = standardize(x, dims, op.attributes.eps as number);
  const weight = node.arrays[1] && node.input(1);
  return node.each(
    () => throughStatistics(scaled(dy, weight), unit, inverse, dims),
    () => sumTo(dy.mul(unit), shape),
    () => sumTo(dy, shape),
  );
};

/** The weight of a channel, which broadcasts, or null. */
function channelWeight(node: SavedTensors, rank: number): Tensor | null {
  return node.arrays[1] && perChannel(node.input(1), rank);
}

/** The sum over all dimensions but the channels. */
function channelSum(x: Tensor): Tensor {
  return x.sum(otherDims(x));
}

const otherDims = (x: Tensor) => x.shape.flatMap((_, d) => (d === 1 ? [] : [d]));

const batchNorm: GradientRule<BatchNorm> = (op, dy, node) => {
  const x = node.input(0);
  const weight = channelWeight(node, x.dim());
  if (op.attributes.training) {
    const dims = otherDims(x);
    const [unit, inverse] = standardize(x, dims, op.attributes.eps as number);
    return [
      ...node.each(
        () => throughStatistics(scaled(dy, weight), unit, inverse, dims),
        () => channelSum(dy.mul(unit)),
        () => channelSum(dy),
      ),
      null,
      null,
    ];
  }
  // the running statistics do not depend on x
  const [mean, inverse] = [node.arrays[2], node.arrays[3]].map((doubles) => {
    const { address, shape } = doubles as NDArray;
    return perChannel(
      leaf(() => roundQuotient(address, [shape[0]])),
      x.dim(),
    );
  });
  return [
    ...node.each(
      () => scaled(dy, weight).mul(inverse),
      () => channelSum(dy.mul(x.sub(mean).mul(inverse))),
      () => channelSum(dy),
    ),
    null,
    null,
  ];
};

const groupNorm: GradientRule<GroupNorm> = (op, dy, node) => {
  const x = node.input(0);
  const grouped = [x.shape[0], op.attributes.numGroups as number, -1];
  const [unit, inverse] = standardize(x.reshape(grouped), [2], op.attributes.eps as number);
  const weight = channelWeight(node, x.dim());
  return node.each(
    () => throughStatistics(scaled(dy, weight).reshape(grouped), unit, inverse, [2]).reshape(x.shape),
    () => channelSum(dy.mul(unit.reshape(x.shape))),
    () => channelSum(dy),
  );
};

/** dx = (dy - unit (unit · dy)) / ‖x‖, or dy / eps for vectors shorter than eps. */
const normalize: GradientRule<Normalize> = (op, dy, node) => {
  const { dim, eps } = op.attributes as { dim: number; eps: number };
  const y = node.constant(0);
  const dims = [dim];
  const kept = y.shape.map((length, d) => (d === (dim < 0 ? dim + y.dim() : dim) ? 1 : length));
  const norms = leaf(() => roundQuotient((node.arrays[1] as NDArray).address, kept));
  // x was not saved: it is the result times the divisor
  const x = node.input(0, y.mul(norms.clamp({ min: eps })).array);
  const long = norms.ge(eps);
  const squares = x.square().sum(dims, { keepdim: true });
  const inverse = squares.where(long, 1).rsqrt();
  const along = x.mul(x.mul(dy).sum(dims, { keepdim: true })).mul(inverse.mul(inverse.square()));
  return [
    dy
      .mul(inverse)
      .sub(along)
      .where(long, dy.mul(1 / eps)),
  ];
};

export const LayerNormOp = /* @__PURE__ */ withRule(LayerNorm, layerNorm);
export const BatchNormOp = /* @__PURE__ */ withRule(BatchNorm, batchNorm);
export const GroupNormOp = /* @__PURE__ */ withRule(GroupNorm, groupNorm);
export const NormalizeOp = /* @__PURE__ */ withRule(Normalize, normalize);
