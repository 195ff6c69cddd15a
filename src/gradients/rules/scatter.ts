import { type NDArray, zeros } from "../../ops/core/array.ts";
import type { Op } from "../../ops/core/op.ts";
import { MaskedScatter, MaskedSelect } from "../../ops/movement/masked.ts";
import { IndexRows, Scatter } from "../../ops/movement/scatter.ts";
import { ScatterReduce } from "../../ops/movement/scatter_reduce.ts";
import { eye, onesLike, zeros as zeroTensor } from "../../tensor/fill.ts";
import { cat } from "../../tensor/functions.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type GradientRule, linear, pullback, type RuleEntry, type SavedTensors, selfAdjoint } from "../rule.ts";

/** The gradient of x where the source does not overwrite it, else 0. */
function kept(op: Op, dy: Tensor, { needs, arrays }: SavedTensors): Tensor | null {
  return needs[0] ? selfAdjoint(op, dy, pullback(op, 0, arrays), [...arrays]) : null;
}

/** The gradient of the source is read from `dy`; the gradient of that is written with `write`. */
function ofSource(op: Op, dy: Tensor, node: SavedTensors, write: (g: NDArray) => NDArray): Tensor | null {
  return node.needs[2] ? linear(op, dy, pullback(op, 2, node.arrays), write, node.arrays) : null;
}

const scatter: GradientRule<Scatter> = (op, dy, node) => {
  const [index] = node.arrays as [NDArray];
  // a source element is read once for each time that it was written, so its gradients add up
  const write = (g: NDArray) =>
    new Scatter("scatterAdd", op.attributes.dim as number).forward(zeros(dy.shape), index, g);
  return [op.name === "scatterAdd" ? dy : kept(op, dy, node), null, ofSource(op, dy, node, write)];
};

const indexRows: GradientRule<IndexRows> = (op, dy, node) => {
  const [index] = node.arrays as [NDArray];
  const { dim, alpha } = op.attributes as { dim: number; alpha: number };
  const write = (g: NDArray) => new IndexRows("indexAdd", dim, { alpha }).forward(zeros(dy.shape), index, g);
  return [op.name === "indexAdd" ? dy : kept(op, dy, node), null, ofSource(op, dy, node, write)];
};

const maskedSelect: GradientRule<MaskedSelect> = (op, dy, { arrays }) => {
  const read = (g: NDArray) => new MaskedSelect().forward(g, arrays[0] as NDArray);
  return [linear(op, dy, pullback(op, 0, arrays), read, arrays), null];
};

const maskedScatter: GradientRule<MaskedScatter> = (op, dy, node) => {
  const write = (g: NDArray) => new MaskedScatter().forward(zeros(dy.shape), node.arrays[0] as NDArray, g);
  return [kept(op, dy, node), null, ofSource(op, dy, node, write)];
};

const copies = (x: Tensor, count: number) => x.unsqueeze(0).expand([count, ...x.shape]);

/**
 * The products of the factors other than each element of the source. With zeros among the factors, they are
 * computed for each position of the dimension, from a source in which the elements there are 1.
 */
function productsOfOthers(dim: number, x: Tensor, index: Tensor, source: Tensor): Tensor {
  if (x.dim() === 0) return x;
  const hasZero = x.eq(0).any().item() || source.eq(0).any().item();
  if (!hasZero) return x.scatterReduce(dim, index, source, "prod").gather(dim, index).div(source);
  const d = dim < 0 ? dim + x.dim() : dim;
  const count = source.shape[d];
  const isOwn = eye(count).reshape([count, ...source.shape.map((_, i) => (i === d ? count : 1))]);
  const indices = copies(index, count);
  const others = copies(source, count).where(isOwn.eq(0), 1);
  const products = copies(x, count).scatterReduce(d + 1, indices, others, "prod");
  return products
    .gather(d + 1, indices)
    .mul(isOwn)
    .sum(0);
}

/** Zeros of `shape`, with `part` at the start of each dimension. */
function startingWith(part: Tensor, shape: readonly number[]): Tensor {
  return shape.reduce((x, length, d) => {
    const missing = length - x.shape[d];
    return missing === 0 ? x : cat([x, zeroTensor(x.shape.map((n, i) => (i === d ? missing : n)))], d);
  }, part);
}

const scatterReduce: GradientRule<ScatterReduce> = (op, dy, node) => {
  const { dim, reduce } = op.attributes as { dim: number; reduce: "prod" | "amax" | "amin" };
  const index = node.constant(0);
  const read = (x: Tensor) => index.shape.reduce((part, length, d) => part.narrow(d, 0, length), x);
  const whole = node.input(2);
  if (reduce === "prod") {
    const [x, source] = [node.input(0, node.arrays[1]), read(whole)];
    return node.each(
      () => dy.mul(onesLike(dy).scatterReduce(dim, index, source, "prod")),
      () => dy, // of the index: none
      () => startingWith(dy.gather(dim, index).mul(productsOfOthers(dim, x, index, source)), whole.shape),
    );
  }
  const y = node.constant(3);
  const inX = node.constant(1).eq(y).float();
  const inSource = read(node.constant(2)).eq(y.gather(dim, index)).float();
  const share = dy.div(inX.scatterAdd(dim, index, inSource).clamp({ min: 1 }));
  return node.each(
    () => share.mul(inX),
    () => dy,
    () => startingWith(share.gather(dim, index).mul(inSource), whole.shape),
  );
};

export const scatterRules: RuleEntry[] = [
  [Scatter, scatter],
  [ScatterReduce, scatterReduce],
  [IndexRows, indexRows],
  [MaskedSelect, maskedSelect],
  [MaskedScatter, maskedScatter],
];
