import { DataError, formatShape } from "../../errors.ts";
import { linear } from "../../nn/functional/index.ts";
import { einsum } from "../../tensor/einsum.ts";
import { cat } from "../../tensor/functions.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Call, OperatorTable } from "../operator.ts";
import { range } from "./operands.ts";

/**
 * The matrix product. That of integers is a sum of products, because the library's kernels are for float32.
 */
function product(a: Tensor, b: Tensor): Tensor {
  if (a.dtype === "float32") return a.matmul(b);
  if (a.dim() === 1) return product(a.unsqueeze(0), b).squeeze(b.dim() === 1 ? 0 : -2);
  if (b.dim() === 1) return product(a, b.unsqueeze(1)).squeeze(-1);
  return a.unsqueeze(-1).mul(b.unsqueeze(-3)).sum(-2);
}

/** `alpha A B + beta C`, with A or B transposed if the attributes say so. */
function gemm(call: Call): Tensor {
  const { attributes } = call;
  const [alpha, beta] = [attributes.float("alpha", 1), attributes.float("beta", 1)];
  const a = attributes.flag("transA", false) ? call.tensor(0).t() : call.tensor(0);
  const b = call.tensor(1);
  const c = call.optionalTensor(2);
  const transposed = attributes.flag("transB", false);
  const columns = b.shape[transposed ? 0 : 1];
  const isBias = c === null || (c.numel() === columns && c.shape.at(-1) === columns);
  if (transposed && alpha === 1 && beta === 1 && isBias && a.dtype === "float32") {
    return linear(a, b, c && c.dim() !== 1 ? c.reshape([columns]) : c);
  }
  const y = product(a, transposed ? b.t() : b);
  const scaled = alpha === 1 ? y : y.mul(alpha);
  if (c === null) return scaled;
  return scaled.add(beta === 1 ? c : c.mul(beta));
}

/** The largest matrices of `Det`: the number of products grows as the factorial. */
const MAX_DETERMINANT = 4;

/** The determinants of matrices in the last two dimensions, by expansion along the first row. */
function determinant(x: Tensor): Tensor {
  const size = x.shape[x.dim() - 1];
  if (size === 1) return x.squeeze([-2, -1]);
  const below = x.narrow(-2, 1, size - 1);
  const terms = range(size).map((j) => {
    const minor = cat([below.narrow(-1, 0, j), below.narrow(-1, j + 1, size - 1 - j)], x.dim() - 1);
    const term = x.select(-2, 0).select(-1, j).mul(determinant(minor));
    return j % 2 === 0 ? term : term.neg();
  });
  return terms.reduce((a, b) => a.add(b));
}

/** Products of matrices. */
export const MATMUL: OperatorTable = {
  MatMul: { weights: { all: [0, 1] }, run: (call) => product(call.tensor(0), call.tensor(1)) },
  Gemm: { attributes: ["alpha", "beta", "transA", "transB"], weights: { all: [1, 2] }, run: gemm },
  Einsum: {
    attributes: ["equation"],
    weights: { vectors: [0, 1, 2, 3] },
    run: (call) => einsum(call.attributes.string("equation", ""), ...call.inputs.map((_, i) => call.float(i))),
  },
  Det: {
    run(call) {
      const x = call.float(0);
      const [rows, columns] = x.shape.slice(-2);
      if (x.dim() < 2 || rows !== columns || rows < 1 || rows > MAX_DETERMINANT) {
        throw new DataError(
          `Det: expected square matrices of at most ${MAX_DETERMINANT} rows, got ${formatShape(x.shape)}`,
        );
      }
      return determinant(x);
    },
  },
};
