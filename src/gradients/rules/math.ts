import { MathFunction, type MathName, NanToNum, WholeOrFraction } from "../../ops/elementwise/functions.ts";
import { Atan2, Remainder } from "../../ops/elementwise/remainder.ts";
import { InverseErf, LogGamma, Polygamma } from "../../ops/elementwise/special.ts";
import { AddProduct, Lerp } from "../../ops/elementwise/ternary.ts";
import { apply } from "../../tensor/apply.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import {
  type GradientRule,
  piecewiseLinear,
  pullback,
  type RuleEntry,
  type SavedTensors,
  selfAdjoint,
  sumTo,
} from "../rule.ts";

const ofX = (slope: (x: Tensor) => Tensor) => (node: SavedTensors) => slope(node.input(0));
const ofY = (slope: (y: Tensor) => Tensor) => (node: SavedTensors) => slope(node.output(0));

/** 1 / sqrt(1 - x²) */
const inverseOtherLeg = (x: Tensor) => x.neg().add(1).mul(x.add(1)).rsqrt();

/** Derivatives as functions of the argument x, or of the result y where the op saves that. */
const SLOPES: Record<MathName, (node: SavedTensors) => Tensor> = {
  log2: ofX((x) => x.mul(Math.LN2).reciprocal()),
  log10: ofX((x) => x.mul(Math.LN10).reciprocal()),
  exp2: ofY((y) => y.mul(Math.LN2)),
  tan: ofY((y) => y.square().add(1)),
  asin: ofX(inverseOtherLeg),
  acos: ofX((x) => inverseOtherLeg(x).neg()),
  atan: ofX((x) => x.square().add(1).reciprocal()),
  sinh: ofX((x) => x.cosh()),
  cosh: ofX((x) => x.sinh()),
};

const math: GradientRule<MathFunction> = (op, dy, node) => [dy.mul(SLOPES[op.name](node))];

const wholeOrFraction: GradientRule<WholeOrFraction> = (op, dy) => [
  op.name === "frac" ? dy : selfAdjoint(op, dy, pullback(op, 0, []), []),
];

/** `da = dy`, `db = -q dy`, where the whole quotient q is constant around each element. */
const remainder: GradientRule<Remainder> = (op, dy, node) =>
  node.each(
    () => sumTo(dy, op.shapes[0]),
    () => {
      const [a, b, rest] = [0, 1, 2].map((i) => node.constant(i));
      return sumTo(dy.mul(rest.sub(a).div(b)), op.shapes[1]);
    },
  );

/** `dy = dout x / (x² + y²)`, `dx = -dout y / (x² + y²)` */
const atan2: GradientRule<Atan2> = (_op, dout, node) => {
  const [y, x] = [node.input(0), node.input(1)];
  const share = dout.div(x.square().add(y.square()));
  return node.each(
    () => sumTo(share.mul(x), y.shape),
    () => sumTo(share.mul(y).neg(), x.shape),
  );
};

/** `dx = dy (1 - w)`, `dend = dy w`, `dw = dy (end - x)` */
const lerp: GradientRule<Lerp> = (_op, dy, node) => {
  const [x, end, w] = [0, 1, 2].map((i) => node.input(i));
  return node.each(
    () => sumTo(dy.mul(w.neg().add(1)), x.shape),
    () => sumTo(dy.mul(w), end.shape),
    () => sumTo(dy.mul(end.sub(x)), w.shape),
  );
};

/** `dx = dy`; with `value dy`, the gradients of a and b are those of the product or quotient. */
const addProduct: GradientRule<AddProduct> = (op, dy, node) => {
  const [a, b] = [1, 2].map((i) => node.input(i, node.arrays[i - 1]));
  const scaled = dy.mul(op.attributes.value as number);
  const isProduct = op.name === "addcmul";
  return node.each(
    () => sumTo(dy, op.shape),
    () => sumTo(isProduct ? scaled.mul(b) : scaled.div(b), a.shape),
    () => sumTo(isProduct ? scaled.mul(a) : scaled.mul(a).div(b.square()).neg(), b.shape),
  );
};

const polygamma = (x: Tensor, n: number) => apply(new Polygamma("polygamma", n), x);

export const mathRules: RuleEntry[] = [
  [MathFunction, math],
  [WholeOrFraction, wholeOrFraction],
  [NanToNum, piecewiseLinear],
  [Remainder, remainder],
  [Atan2, atan2],
  [Lerp, lerp],
  [AddProduct, addProduct],
  [InverseErf, (_op, dy, node) => [dy.mul(node.output(0).square().exp()).mul(Math.sqrt(Math.PI) / 2)]],
  [LogGamma, (_op, dy, node) => [dy.mul(polygamma(node.input(0), 0))]],
  [Polygamma, (op, dy, node) => [dy.mul(polygamma(node.input(0), op.n + 1))]],
];
