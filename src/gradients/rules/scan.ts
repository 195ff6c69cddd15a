import { Product, Scan } from "../../ops/reduce/scan.ts";
import { eye } from "../../tensor/fill.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type GradientRule, linear, pullback, type RuleEntry } from "../rule.ts";

const hasZero = (x: Tensor) => x.eq(0).any().item() !== 0;

/**
 * A copy of x for each position j of a dimension, in front of it, in which element j is 1. A product of it
 * is a product of x without element j, also where elements are 0.
 */
function withoutEach(x: Tensor, dim: number): Tensor {
  const n = x.shape[dim];
  const copies = x.unsqueeze(dim).expand([...x.shape.slice(0, dim), n, ...x.shape.slice(dim)]);
  const isOther = eye(n).reshape([n, n, ...x.shape.slice(dim + 1).map(() => 1)]);
  return copies.where(isOther.eq(0), 1);
}

const fromStart = (dim: number, rank: number) => (dim < 0 ? dim + rank : dim);

/** `dx[j] = Σ over k ≥ j of dy[k] times the product of the elements up to k without j`. */
const cumprod = (dy: Tensor, x: Tensor, dim: number): Tensor => {
  if (x.dim() === 0) return dy;
  if (!hasZero(x)) return dy.mul(x.cumprod(dim)).flip(dim).cumsum(dim).flip(dim).div(x);
  const n = x.shape[dim];
  const isAfter = eye(n)
    .cumsum(1)
    .reshape([n, n, ...x.shape.slice(dim + 1).map(() => 1)]);
  const products = withoutEach(x, dim).cumprod(dim + 1);
  return products
    .mul(isAfter)
    .mul(dy.unsqueeze(dim))
    .sum(dim + 1);
};

const scan: GradientRule<Scan> = (op, dy, node) => {
  if (op.name === "cumsum") return [linear(op, dy, pullback(op, 0, []), (g) => op.forward(g))];
  const x = node.input(0);
  return [cumprod(dy, x, fromStart(op.attributes.dim as number, x.dim()))];
};

/** `dx` is `dy` times the product of the other elements. */
const product: GradientRule<Product> = (op, dy, node) => {
  const x = node.input(0);
  const { dim } = op.attributes as { dim: number | null };
  const isWhole = dim === null || x.dim() === 0;
  const lines = isWhole ? x.reshape([-1]) : x;
  const d = isWhole ? 0 : fromStart(dim, x.dim());
  const kept = lines.shape.map((length, i) => (i === d ? 1 : length));
  const others = hasZero(x) ? withoutEach(lines, d).prod(d + 1) : lines.prod(d, { keepdim: true }).div(lines);
  return [others.mul(dy.reshape(kept)).reshape(x.shape)];
};

export const scanRules: RuleEntry[] = [
  [Scan, scan],
  [Product, product],
];
