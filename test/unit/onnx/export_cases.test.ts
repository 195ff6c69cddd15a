/** Every case of every operation, exported and run in onnxruntime. */
import { describe, expect, it } from "vitest";
import { manualSeed, noGrad, rand, randint, type Tensor, tensor } from "wasmgrad";
import { exportOnnx } from "../../../src/onnx/export/index.ts";
import type { InputSpec, OpCase } from "../../cases/case.ts";
import { casesByFamily } from "../../cases/index.ts";
import { relativeError, runOnnx } from "../../support/onnxruntime.ts";

/** Elements of a case's inputs up to which it is exported. */
const MOST_ELEMENTS = 20_000;

/**
 * The largest ‖difference‖ / ‖result‖. Winograd's convolutions of few channels differ from onnxruntime's by
 * 1.5e-6.
 */
const TOLERANCE = 1e-6;
const TOLERANCES: Record<string, number> = { conv2d: 2e-6, fusedConv: 2e-6 };

/** Parts of the names of cases that are refused, and of the error. */
const REFUSED: Record<string, readonly [name: RegExp, error: RegExp][]> = {
  fusedConv: [[/"outputPadding":\[1,[12]\].*"?dilation|"dilation":\[2,[23]\],"outputPadding"/, /outputPadding/]],
  convTranspose2d: [[/"dilation":\[2,[23]\],"outputPadding"/, /outputPadding/]],
  specialFunctions: [[/./, /no such operator/]],
  crossEntropy: [[/^crossEntropy \[.*labelSmoothing/, /labelSmoothing has no ONNX operator/]],
  masked: [
    [/maskedSelect|nonzero/, /depends on elements/],
    [/maskedScatter/, /no such operator/],
  ],
  oneHot: [[/of 6$/, /number of classes must be given/]],
  pad: [[/\[1,-2,-1,2\] reflect/, /negative padding/]],
  repeatInterleave: [[/each/, /reads elements of an input/]],
  bins: [
    [/bincount/, /depends on elements/],
    [/histc/, /no such operator/],
  ],
  selection: [[/nanmedian|mode/, /no such operator/]],
  unique: [[/./, /depends on elements/]],
  dropout: [[/./, /call eval\(\) on the model first/]],
  cumulative: [[/./, /no such operator/]],
  scan: [[/cumprod/, /no such operator/]],
  augment: [[/./, /follows from no input has other elements in another run/]],
};

function make({ shape, low = -2, high = 2, dtype = "float32", values }: InputSpec): Tensor {
  if (values) return tensor(dtype === "int32" ? Int32Array.from(values) : Float32Array.from(values), { shape });
  if (dtype === "int32") return randint(low, high, shape);
  const factor = high - low;
  return rand(shape).mul(factor).add(low);
}

const sizeOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

/**
 * Cases that are worth a model: some elements, not too many. onnxruntime fails on tensors without elements.
 */
const isExported = ({ inputs }: OpCase) =>
  inputs.length > 0 &&
  inputs.every(({ shape }) => sizeOf(shape) > 0) &&
  inputs.reduce((sum, { shape }) => sum + sizeOf(shape), 0) <= MOST_ELEMENTS;

/** The relative difference between onnxruntime and wasmgrad. */
async function differenceOf({ inputs: specs, run }: OpCase): Promise<number> {
  manualSeed(0);
  const inputs = specs.map(make);
  const expected = noGrad(() => run(...inputs));
  if (expected.numel() === 0) return 0;
  const inputNames = inputs.map((_, i) => `x${i}`);
  const model = exportOnnx(run, inputs, { dynamicBatch: false, inputNames, outputNames: ["y"] });
  const { y } = await runOnnx(model, Object.fromEntries(inputNames.map((name, i) => [name, inputs[i]])));
  return relativeError(y, expected);
}

for (const [family, ops] of Object.entries(casesByFamily)) {
  for (const [op, cases] of Object.entries(ops)) {
    const exported = cases.filter(isExported);
    if (exported.length === 0) continue;
    describe(`${family}/${op}`, () => {
      it(`${exported.length} cases`, async () => {
        const failures: string[] = [];
        for (const testCase of exported) {
          const refused = REFUSED[op]?.find(([name]) => name.test(testCase.name));
          const result = await differenceOf(testCase).catch((error: Error) => error);
          const isRight =
            typeof result === "number"
              ? result <= (TOLERANCES[op] ?? TOLERANCE) && (!refused || op === "augment")
              : refused?.[1].test(result.message);
          if (!isRight) failures.push(`${testCase.name}: ${result}`);
        }
        expect(failures).toEqual([]);
      }, 60_000);
    });
  }
}
