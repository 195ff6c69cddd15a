import { type NDArray, zeros } from "../../ops/core/array.ts";
import type { Op } from "../../ops/core/op.ts";
import { MaskedScatter, MaskedSelect } from "../../ops/movement/masked.ts";
import { IndexRows, Scatter } from "../../ops/movement/scatter.ts";
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

export const scatterRules: RuleEntry[] = [
  [Scatter, scatter],
  [IndexRows, indexRows],
  [MaskedSelect, maskedSelect],
  [MaskedScatter, maskedScatter],
];
