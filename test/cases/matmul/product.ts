import { at, build, type OpCase, type Ref } from "../case.ts";

/** torch.matmul for two operands of at least two dimensions, whose stacks broadcast. */
function reference(a: Ref, b: Ref): Ref {
  const rank = Math.max(a.shape.length, b.shape.length);
  const pad = (x: Ref) => [...new Array(rank - x.shape.length).fill(1), ...x.shape];
  const [as, bs] = [pad(a), pad(b)];
  const depth = as[rank - 1];
  const shape = as.map((length, d) =>
    d < rank - 2 ? (length === 1 ? bs[d] : length) : d === rank - 2 ? length : bs[d],
  );
  const clip = (stack: number[], s: number[]) => stack.map((i, d) => (s[d] === 1 ? 0 : i));
  const [a4, b4] = [
    { shape: as, data: a.data },
    { shape: bs, data: b.data },
  ];
  return build(shape, (...index) => {
    const stack = index.slice(0, -2);
    const [i, j] = index.slice(-2);
    let sum = 0;
    for (let k = 0; k < depth; k++) sum += at(a4, ...clip(stack, as), i, k) * at(b4, ...clip(stack, bs), k, j);
    return sum;
  });
}

/** torch.matmul, including vectors. */
function withVectors(a: Ref, b: Ref): Ref {
  const left = a.shape.length === 1 ? { shape: [1, ...a.shape], data: a.data } : a;
  const right = b.shape.length === 1 ? { shape: [...b.shape, 1], data: b.data } : b;
  const out = reference(left, right);
  let shape = out.shape;
  if (b.shape.length === 1) shape = shape.slice(0, -1);
  if (a.shape.length === 1) shape = shape.filter((_, d) => d !== shape.length - (b.shape.length === 1 ? 1 : 2));
  return { shape, data: out.data };
}

/** Number of products of two stacks that broadcast. */
function stackOf(a: number[], b: number[]): number {
  const [left, right] = [a, b].map((shape) => shape.slice(0, -2).reverse());
  const rank = Math.max(left.length, right.length);
  const lengths = Array.from({ length: rank }, (_, d) => (left[d] === 1 ? right[d] : left[d]) ?? right[d] ?? 1);
  return lengths.reduce((size, length) => size * length, 1);
}

/** One case of a matrix product, run by `run`. */
export function matmulCase(a: number[], b: number[], run: OpCase["run"], by = ""): OpCase {
  const columns = b.length === 1 ? 1 : b[b.length - 1];
  return {
    name: `matmul [${a}] x [${b}]${by}`,
    inputs: [{ shape: a }, { shape: b }],
    run,
    reference: withVectors,
    tolerance: 1e-5,
    // if the stacks of the operands broadcast, the work is that of the stack of the result
    flops: 2 * stackOf(a, b) * (a.at(-2) ?? 1) * a.at(-1)! * columns,
  };
}

/** Large sizes, which are timed: square ones, one that does not fill its tiles, and long sides. */
export const largeMatmulCases: OpCase[] = [
  ...[256, 512, 1024].map((n) => [n, n, n]),
  [255, 257, 253],
  [1024, 1024, 4],
  [4, 1024, 1024],
  [1024, 1024, 1],
  [4096, 64, 64],
].map(([m, k, n]) => ({
  ...matmulCase([m, k], [k, n], (a, b) => a.matmul(b)),
  name: `matmul [${m},${k}] [${k},${n}]`,
  batched: [0],
  tolerance: 1e-4,
}));
