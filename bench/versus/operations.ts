/** Operations that are compared with their gradients, on rows of ROW elements of the images. */
import { nn, type Tensor } from "wasmgrad";

const F = nn.functional;

/** The elements of a row, over which softmax and layerNorm run. */
export const ROW = 512;

export const operations: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  gelu: (x) => F.gelu(x),
  softmax: (x) => F.softmax(x, 1),
  layerNorm: (x) => F.layerNorm(x, [ROW]),
  // four heads of 32 features, sequences of 128, whose queries, keys and values are the same
  "causal attention": (x) => {
    const heads = x.mul(0.25).reshape([-1, 4, 128, 32]);
    return F.scaledDotProductAttention(heads, heads, heads, { isCausal: true }).reshape([-1, ROW]);
  },
};

/** The result and the gradient of an operation, for `x` and the gradient `dy` of the result. */
export function operationStep(name: string, x: Tensor, dy: Tensor): { y: Tensor; dx: Tensor } {
  x.grad = null;
  const y = operations[name](x);
  y.backward(dy);
  return { y, dx: x.grad! };
}
