/** Modules against PyTorch's numbers: see test/fixtures/modules/gen_modules.py. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { nn, ShapeError, type Tensor, tensor, zeros } from "wasmgrad";
import { expectClose } from "./compare.ts";

interface Values {
  shape: number[];
  data: number[];
}

function read<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`./fixtures/modules/${name}.json`, import.meta.url), "utf8")) as T;
}

const toTensor = ({ shape, data }: Values, requiresGrad = false) => tensor(data, { shape, requiresGrad });

function expectValues(what: string, actual: Tensor | null | undefined, expected: Values): void {
  if (!actual) throw new Error(`${what}: nothing came`);
  expect([...actual.shape], `shape of ${what}`).toEqual(expected.shape);
  expectClose(what, actual.data(), Float32Array.from(expected.data), 2e-6);
}

interface BatchNormRun {
  momentum: number | null;
  weight: Values;
  bias: Values;
  batches: Values[];
  trained: Values[];
  runningMean: Values;
  runningVar: Values;
  numBatchesTracked: number;
  evaluated: Values;
}

describe("BatchNorm2d", () => {
  test.each(read<BatchNormRun[]>("batch_norm").map((run) => [run.momentum, run] as const))(
    "three batches with momentum %s, then eval",
    (momentum, run) => {
      const norm = new nn.BatchNorm2d(3, { momentum });
      norm.weight?.copy_(toTensor(run.weight));
      norm.bias?.copy_(toTensor(run.bias));
      run.batches.forEach((batch, i) => {
        expectValues(`batch ${i}`, norm.forward(toTensor(batch)), run.trained[i]);
      });
      const expectState = () => {
        expectValues("running mean", norm.runningMean, run.runningMean);
        expectValues("running variance", norm.runningVar, run.runningVar);
        expect(norm.numBatchesTracked?.item()).toBe(run.numBatchesTracked);
      };
      expectState();
      norm.eval();
      expectValues("after eval", norm.forward(toTensor(run.batches[0])), run.evaluated);
      expectState();
      norm.resetParameters();
      expect(Object.values(norm.stateDict()).map((t) => t.toArray())).toEqual([
        [1, 1, 1],
        [0, 0, 0],
        [0, 0, 0],
        [1, 1, 1],
        0,
      ]);
    },
  );

  test("without running statistics it always uses the batch's", () => {
    const [{ batches }] = read<BatchNormRun[]>("batch_norm");
    const norm = new nn.BatchNorm2d(3, { trackRunningStats: false, affine: false });
    expect(Object.keys(norm.stateDict())).toEqual([]);
    const trained = norm.forward(toTensor(batches[1])).toArray();
    expect(norm.eval().forward(toTensor(batches[1])).toArray()).toEqual(trained);
  });

  test("refuses other ranks and channels", () => {
    expect(() => new nn.BatchNorm2d(3).forward(zeros([2, 4, 5, 5]))).toThrow(ShapeError);
    expect(() => new nn.BatchNorm2d(3).forward(zeros([3, 5, 5]))).toThrow(
      "BatchNorm2d: expected 4 dimensions [N,3,...], got [3,5,5]",
    );
    expect(new nn.BatchNorm1d(3).forward(zeros([2, 3])).shape).toEqual([2, 3]);
    expect(() => new nn.BatchNorm1d(3).forward(zeros([2, 3, 1, 1]))).toThrow(ShapeError);
  });
});
