import { Linear, MatMul } from "../../ops/matmul/matmul.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type GradientRule, type RuleEntry, sumTo } from "../rule.ts";

const rows = (x: Tensor) => x.reshape([x.shape.slice(0, -1).reduce((product, n) => product * n, 1), x.shape.at(-1)!]);

/** dA = dC Bᵀ and dB = Aᵀ dC, as in `MatMul`. */
const matmul: GradientRule<MatMul> = (_op, dc, node) => {
  const [a, b] = [node.input(0), node.input(1)];
  const right = b.dim() === 1 ? b.unsqueeze(1) : b;
  // if only the left operand has a batch, its matrices are one tall matrix
  const left = a.dim() === 1 ? a.unsqueeze(0) : right.dim() > 2 ? a : rows(a);
  const batch = right.dim() > 2 ? dc.shape.slice(0, a.dim() === 1 ? -1 : -2) : [];
  const dOut = dc.reshape([...batch, left.shape.at(-2)!, right.shape.at(-1)!]);
  return node.each(
    () => sumTo(dOut.matmul(right.transpose(-2, -1)), left.shape).reshape(a.shape),
    () => sumTo(left.transpose(-2, -1).matmul(dOut), right.shape).reshape(b.shape),
  );
};

/** dx = dy W, dW = dyᵀ x, db = dy summed over its rows. */
const linearLayer: GradientRule<Linear> = (_op, dy, node) =>
  node.each(
    () => dy.matmul(node.input(1)),
    () =>
      rows(dy)
        .t()
        .matmul(rows(node.input(0))),
    () => rows(dy).sum(0),
  );

export const matmulRules: RuleEntry[] = [
  [MatMul, matmul],
  [Linear, linearLayer],
];
