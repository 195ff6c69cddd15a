import type { NDArray } from "../../ops/core/array.ts";
import type { Op } from "../../ops/core/op.ts";
import { Add, type Binary, combineThree, Div, Maximum, Minimum, Mul, Pow, Sub } from "../../ops/elementwise/binary.ts";
import { Softplus, StepFunction, Unary, type UnaryName } from "../../ops/elementwise/unary.ts";
import { Where } from "../../ops/elementwise/where.ts";
import { apply } from "../../tensor/apply.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type GradientRule, piecewiseLinear, pullback, type RuleEntry, selfAdjoint, sumTo } from "../rule.ts";

const add: GradientRule<Add> = ({ shapes }, dy, node) =>
  node.each(
    () => sumTo(dy, shapes[0]),
    () => sumTo(dy, shapes[1]),
  );

const sub: GradientRule<Sub> = ({ shapes }, dy, node) =>
  node.each(
    () => sumTo(dy, shapes[0]),
    () => sumTo(dy.neg(), shapes[1]),
  );

const mul: GradientRule<Mul> = ({ shapes }, dy, node) =>
  node.each(
    () => sumTo(dy.mul(node.input(1)), shapes[0]),
    () => sumTo(dy.mul(node.input(0)), shapes[1]),
  );

const div: GradientRule<Div> = ({ shapes }, dy, node) =>
  node.each(
    () => sumTo(dy.div(node.input(1)), shapes[0]),
    () => sumTo(dy.mul(node.input(0)).div(node.input(1).square()).neg(), shapes[1]),
  );

/** The larger operand takes `dy`, or each half of it; the smaller one takes 0. */
function chosen(kernel: "maximumGrad" | "minimumGrad"): GradientRule<Binary> {
  return (op, dy, node) => {
    const [a, b] = node.arrays as [NDArray, NDArray];
    const part = (own: NDArray, other: NDArray) =>
      selfAdjoint(op, dy, (d) => combineThree(op.name, kernel, d, own, other), [a, b]);
    return node.each(
      () => sumTo(part(a, b), op.shapes[0]),
      () => sumTo(part(b, a), op.shapes[1]),
    );
  };
}

/** `da = dy b a^(b-1)`, 0 where b is 0; `db = dy a^b ln a`, 0 where a is 0 and b >= 0. */
const pow: GradientRule<Pow> = ({ shapes }, dy, node) => {
  const [a, b] = [node.input(0), node.input(1)];
  const zero = dy.mul(0);
  return node.each(
    () => sumTo(zero.where(b.eq(0), dy.mul(b).mul(a.pow(b.sub(1)))), shapes[0]),
    () => {
      const none = a.eq(0).logicalAnd(b.ge(0));
      const base = a.mul(0).add(1).where(none, a); // its logarithm is finite
      return sumTo(zero.where(none, dy.mul(base.pow(b)).mul(base.log())), shapes[1]);
    },
  );
};

const where: GradientRule<Where> = ({ shapes }, dy, node) =>
  node.each(
    () => dy, // the condition needs none
    () => sumTo(dy.where(node.constant(0), 0), shapes[0]),
    () => sumTo(apply(new Where(), node.constant(0), 0, dy), shapes[1]),
  );

const option = (op: Op, name: string) => op.attributes[name] as number;
const ROOT_2_OVER_PI = Math.sqrt(2 / Math.PI);

/** Derivatives of smooth functions: of the argument x, or of the result y where the op saves that. */
const OF_X: Partial<Record<UnaryName, (x: Tensor, op: Op) => Tensor>> = {
  elu: (x, op) => {
    const below = x.clamp({ max: 0 }).exp().mul(option(op, "alpha")); // of x alone it might overflow
    return x.mul(0).add(1).where(x.gt(0), below);
  },
  // Φ(x) + x φ(x)
  gelu: (x) => {
    const distribution = x.mul(Math.SQRT1_2).erf().add(1).mul(0.5);
    const density = x
      .square()
      .mul(-0.5)
      .exp()
      .mul(1 / Math.sqrt(2 * Math.PI));
    return distribution.add(x.mul(density));
  },
  geluTanh: (x) => {
    const square = x.square();
    const t = x.mul(square.mul(0.044715).add(1)).mul(ROOT_2_OVER_PI).tanh();
    const inner = square
      .mul(3 * 0.044715)
      .add(1)
      .mul(ROOT_2_OVER_PI);
    return t
      .add(1)
      .add(x.mul(t.square().neg().add(1)).mul(inner))
      .mul(0.5);
  },
  silu: (x) => {
    const s = x.sigmoid();
    return s.mul(x.mul(s.neg().add(1)).add(1));
  },
  softplus: (x, op) => {
    const scaled = x.mul(option(op, "beta"));
    return x
      .mul(0)
      .add(1)
      .where(scaled.gt(option(op, "threshold")), scaled.sigmoid());
  },
  // (2x + 3) / 6 between -3 and 3
  hardswish: (x) =>
    x
      .mul(2)
      .add(3)
      .div(6)
      .where(x.gt(-3).logicalAnd(x.lt(3)), x.ge(3).float()),
  // t + x (1 - t²) σ(x) with t = tanh(softplus(x))
  mish: (x) => {
    const t = apply(new Softplus(), x).tanh();
    return t.add(x.mul(t.square().neg().add(1)).mul(x.sigmoid()));
  },
  softsign: (x) => x.abs().add(1).square().reciprocal(),
  log: (x) => x.reciprocal(),
  log1p: (x) => x.add(1).reciprocal(),
  square: (x) => x.mul(2),
  sin: (x) => x.cos(),
  cos: (x) => x.sin().neg(),
  erf: (x) =>
    x
      .square()
      .neg()
      .exp()
      .mul(2 / Math.sqrt(Math.PI)),
};

const OF_Y: Partial<Record<UnaryName, (y: Tensor) => Tensor>> = {
  sigmoid: (y) => y.mul(y.neg().add(1)),
  tanh: (y) => y.square().neg().add(1),
  exp: (y) => y,
  expm1: (y) => y.add(1),
  sqrt: (y) => y.reciprocal().mul(0.5),
  rsqrt: (y) => y.mul(y.square()).mul(-0.5),
  reciprocal: (y) => y.square().neg(),
};

const unary: GradientRule<Unary> = (op, dy, node) => {
  const ofX = OF_X[op.name];
  if (ofX) return [dy.mul(ofX(node.input(0), op))];
  const ofY = OF_Y[op.name];
  return ofY ? [dy.mul(ofY(node.output(0)))] : piecewiseLinear(op, dy, node);
};

const step: GradientRule<StepFunction> = (op, dy) => [selfAdjoint(op, dy, pullback(op, 0, []), [])];

export const elementwiseRules: RuleEntry[] = [
  [Add, add],
  [Sub, sub],
  [Mul, mul],
  [Div, div],
  [Maximum, chosen("maximumGrad")],
  [Minimum, chosen("minimumGrad")],
  [Pow, pow],
  [Where, where],
  [Unary, unary],
  [StepFunction, step],
];
