import type { NDArray } from "../../ops/core/array.ts";
import { NormalizePlanes } from "../../ops/image/normalize_channels.ts";
import { Cat } from "../../ops/movement/cat.ts";
import { Clone, cloneArray } from "../../ops/movement/copy.ts";
import { DiagEmbed } from "../../ops/movement/diagonal.ts";
import { Expand } from "../../ops/movement/expand.ts";
import { Embedding, Gather, IndexSelect } from "../../ops/movement/indexing.ts";
import { PadBorder, PadConstant } from "../../ops/movement/pad.ts";
import { Positions } from "../../ops/movement/positions.ts";
import { Reshape } from "../../ops/movement/reshape.ts";
import { Triangle } from "../../ops/movement/triangle.ts";
import { Unfold } from "../../ops/movement/unfold.ts";
import { View } from "../../ops/movement/view.ts";
import { Dropout } from "../../ops/random/dropout.ts";
import { offset } from "../../runtime/address.ts";
import { kernels } from "../../runtime/kernels.ts";
import { type GradientRule, linear, linearOp, pullback, type RuleEntry, selfAdjoint, withRule } from "../rule.ts";

const cat: GradientRule<Cat> = ({ d, lengths }, dy, { needs }) => {
  let end = 0;
  return lengths.map((length, i) => {
    end += length;
    return needs[i] ? dy.narrow(d, end - length, length) : null;
  });
};

const padConstant: GradientRule<PadConstant> = (op, dy) => {
  const pad = (g: NDArray) => new PadConstant(op.attributes.padding as readonly number[], 0).forward(g);
  return [linear(op, dy, pullback(op, 0, []), pad)];
};

const indexSelect: GradientRule<IndexSelect> = (op, dy, { arrays }) => {
  const read = (g: NDArray) => new IndexSelect(op.attributes.dim as number).forward(g, arrays[0] as NDArray);
  return [linear(op, dy, pullback(op, 0, arrays), read, arrays), null];
};

const gather: GradientRule<Gather> = (op, dy, { arrays }) => {
  const read = (g: NDArray) => new Gather(op.attributes.dim as number).forward(g, arrays[0] as NDArray);
  return [linear(op, dy, pullback(op, 0, arrays), read, arrays), null];
};

const positions: GradientRule<Positions> = (op, dy, { arrays }) => {
  const read = (g: NDArray) => new Positions(op.name, op.attributes, op.listOf).forward(g);
  return [linear(op, dy, pullback(op, 0, arrays), read, arrays)];
};

/** The row of the padding takes no part: it is 0 in what is read. */
const embedding: GradientRule<Embedding> = (op, dy, { arrays }) => {
  const paddingIdx = op.attributes.paddingIdx as number | null;
  const read = (g: NDArray) => {
    const weight = paddingIdx === null ? g : cloneArray(g);
    if (paddingIdx !== null) {
      const [rows, width] = g.shape;
      const row = paddingIdx < 0 ? paddingIdx + rows : paddingIdx;
      kernels().fillZero(offset(weight.address, 4 * row * width), 4 * width);
    }
    return new Embedding(null).forward(arrays[0] as NDArray, weight);
  };
  return [null, linear(op, dy, pullback(op, 1, arrays), read, arrays)];
};

/** Each element is multiplied by a factor: of the mask, or of its channel. */
const scaled: GradientRule = (op, dy) => [selfAdjoint(op, dy, pullback(op, 0, []), [])];

export const movementRules: RuleEntry[] = [
  [Cat, cat],
  [Clone, linearOp],
  [DiagEmbed, linearOp],
  [Expand, linearOp],
  [Reshape, linearOp],
  [View, linearOp],
  [Triangle, linearOp],
  [Unfold, linearOp],
  [PadBorder, linearOp],
  [PadConstant, padConstant],
  [IndexSelect, indexSelect],
  [Gather, gather],
  [Positions, positions],
  [Embedding, embedding],
  [Dropout, scaled],
];

export const NormalizePlanesOp = /* @__PURE__ */ withRule(NormalizePlanes, scaled);
