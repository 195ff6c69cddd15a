import { nn, type Tensor } from "wasmgrad";
import { at, build, type OpCase, type Ref } from "../case.ts";

const F = nn.functional;

const shapes: [shape: number[], dim: number][] = [
  [[], 0],
  [[1], 0],
  [[5], 0],
  [[3, 7], 1],
  [[3, 7], 0],
  [[2, 9, 5], -2],
  [[2, 3, 4], -1],
  [[2, 3, 4], 0],
  [[4, 1], 1],
  [[2, 17, 1, 3], 1],
  [[0, 3], 1],
  [[3, 0], 0],
  [[3, 0], 1],
];

/** log-softmax along `dim`, written with a sum for each element. */
export function referenceLogSoftmax(x: Ref, dim: number): Ref {
  const d = dim < 0 ? dim + x.shape.length : dim;
  return build(x.shape, (...index) => {
    let sum = 0;
    for (let k = 0; k < (x.shape[d] ?? 1); k++) {
      sum += Math.exp(at(x, ...index.map((i, e) => (e === d ? k : i))) - at(x, ...index));
    }
    return -Math.log(sum);
  });
}

/** All cases of softmax and its logarithm, run by `run`. */
export function softmaxCasesBy(
  run: (x: Tensor, options: { dim: number; log: boolean }) => Tensor,
  list = shapes,
): OpCase[] {
  return list.flatMap(([shape, dim]) => [
    {
      name: `softmax [${shape}] dim ${dim}`,
      inputs: [{ shape, low: -5, high: 5 }],
      run: (x: Tensor) => run(x, { dim, log: false }),
      reference: (x: Ref) => {
        const { data } = referenceLogSoftmax(x, dim);
        return { shape: x.shape, data: data.map(Math.exp) };
      },
    },
    {
      name: `logSoftmax [${shape}] dim ${dim}`,
      inputs: [{ shape, low: -5, high: 5 }],
      run: (x: Tensor) => run(x, { dim, log: true }),
      reference: (x: Ref) => referenceLogSoftmax(x, dim),
    },
  ]);
}

const run = (x: Tensor, { dim, log }: { dim: number; log: boolean }) =>
  log ? F.logSoftmax(x, dim) : F.softmax(x, dim);

export const softmaxCases = softmaxCasesBy(run);

/** Large sizes, which are timed. */
export const largeSoftmaxCases: OpCase[] = softmaxCasesBy(run, [[[8192, 512], 1]])
  .slice(0, 1)
  .map((testCase) => ({ ...testCase, name: "softmax [8192,512]", batched: [0] }));
