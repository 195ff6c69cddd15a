/**
 * The operations that are timed: large cases of the tables in test/cases, which the tests check too, and a
 * step of Adam. Only tables that import nothing but the built library are used.
 */
import { nn, optim, randn, type Tensor } from "wasmgrad";
import type { OpCase } from "../../test/cases/case.ts";
import { largeBinaryCases } from "../../test/cases/elementwise/binary.ts";
import { largeUnaryCases } from "../../test/cases/elementwise/unary.ts";
import { largeSoftmaxCases } from "../../test/cases/loss/softmax.ts";
import { largeMatmulCases } from "../../test/cases/matmul/product.ts";
import { largeNormCases } from "../../test/cases/norm/norm.ts";
import { largePoolCases } from "../../test/cases/pool/pool2d.ts";
import { largeSumCases } from "../../test/cases/reduce/reduce.ts";
import { checkCase, checkSome, drawInputs } from "../../test/support/check_case.ts";
import { expectClose } from "../../test/support/compare.ts";
import type { Work } from "../lib/rate.ts";

export interface TimedOp {
  op: string;
  shape: string;
  /**
   * Makes the operands and checks the result. Tests pass `change`, which modifies the result before the
   * check.
   */
  make(change?: (result: Tensor) => Tensor): { run: () => unknown; work: Work };
}

/** Elements of a gradient that are compared. */
const CHECKED_GRADIENTS = 50;

/** Bytes of arrays that are each read or written once. */
const bytesOf = (arrays: readonly Tensor[]) => 4 * arrays.reduce((sum, x) => sum + x.numel(), 0);

function timedCase(testCase: OpCase): TimedOp {
  const { name, flops, run } = testCase;
  const [op, shape] = name.split(/ (?=\[)(.*)/);
  return {
    op,
    shape,
    make(change = (result) => result) {
      const inputs = drawInputs(testCase);
      checkSome({ ...testCase, run: (...tensors) => change(run(...tensors)) }, inputs);
      const constants = inputs.tensors.map((x) => x.detach());
      const work = flops ? { flops } : { bytes: bytesOf([...constants, run(...constants)]) };
      return { run: () => run(...constants), work };
    },
  };
}

/**
 * A case with its gradients. They are checked on the first position of the first dimension, by central
 * differences.
 */
function timedGradient(testCase: OpCase): TimedOp {
  const { name, batched, inputs, run } = testCase;
  const [op, shape] = name.split(/ (?=\[)(.*)/);
  const isCut = (i: number) => batched?.includes(i) ?? true;
  const first = inputs.map((spec, i) => (isCut(i) ? { ...spec, shape: [1, ...spec.shape.slice(1)] } : spec));
  return {
    op: `${op} with backward`,
    shape,
    make(change = (result) => result) {
      checkCase({ ...testCase, inputs: first, run: (...tensors) => change(run(...tensors)) }, CHECKED_GRADIENTS);
      const { tensors } = drawInputs(testCase);
      const slopes = randn(run(...tensors).shape);
      const step = () => {
        for (const x of tensors) x.grad = null;
        run(...tensors).backward(slopes);
      };
      // forward the inputs and the result, backward the slopes, the inputs again and their gradients
      return { run: step, work: { bytes: 3 * bytesOf(tensors) + 2 * bytesOf([slopes]) } };
    },
  };
}

/** A step of Adam, which reads and writes weights and both moments, and reads gradients. */
function adam(count: number): TimedOp {
  return {
    op: "Adam",
    shape: `[${count}]`,
    make(change = (result) => result) {
      const weights = new nn.Parameter(randn([count]));
      const gradient = randn([count]);
      weights.grad = gradient;
      const [before, slopes] = [weights.data(), gradient.data()];
      const optimizer = new optim.Adam([weights], { lr: 0.5 });
      optimizer.step();
      // the first step moves every weight by the learning rate
      const expected = before.map((weight, i) => weight - (0.5 * slopes[i]) / (Math.abs(slopes[i]) + 1e-8));
      expectClose("weights", change(weights).data(), expected, 1e-5);
      return { run: () => optimizer.step(), work: { bytes: 28 * count } };
    },
  };
}

const { add } = largeBinaryCases;
const { relu, sigmoid, gelu, others } = largeUnaryCases;
const { maxPool2d, avgPool2d } = largePoolCases;

export const timedOps: readonly TimedOp[] = [
  ...[largeMatmulCases, add, relu, sigmoid, gelu, others, largeSumCases].flat().map(timedCase),
  ...[largeSoftmaxCases, largeNormCases, maxPool2d, avgPool2d].flat().map(timedCase),
  ...[gelu, largeSoftmaxCases, largeNormCases].flat().map(timedGradient),
  adam(1_000_000),
];
