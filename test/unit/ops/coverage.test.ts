/** Every operation has a case, so the suites that run the tables reach all operations. */
import { expect, test } from "vitest";
import { allCases } from "../../cases/index.ts";
import { Coverage, kernelNames, operationClasses } from "../../support/coverage.ts";

/** Operations without a case, and why. */
const WITHOUT_CASE: Record<string, string> = {
  ConvPass: "gradients of gradients: test/unit/autograd/second_order.test.ts",
  LinearMap: "gradients of gradients: test/unit/autograd/second_order.test.ts",
};

/** Kernels that no case launches, because no operation does. */
const OUTSIDE_OF_OPERATIONS: Record<string, string[]> = {
  "creation: test/unit/tensor/creation.test.ts": ["fillInt", "arangeFloat", "linspace", "eye"],
  "random numbers: test/unit/ops/random.test.ts": [
    ...[
      "randomNormal",
      "randomBernoulli",
      "randomBernoulliEach",
      "findOutside",
      "bitsToPermutation",
      "philoxWord",
      "randomPoisson",
    ],
  ],
  "optimizers and averages: test/unit/optim, test/unit/train": [
    ...["sgdStep", "adamStep", "rmspropStep", "averageStep", "adagradStep", "adadeltaStep", "adamaxStep"],
    ...["nadamStep", "radamStep", "rpropStep", "asgdStep"],
  ],
  "clipping: test/unit/nn/clip.test.ts": ["normPartials", "joinNormPartials", "scaleInPlace"],
  "images of bytes, hashes, noise: test/unit/vision": ["augmentNoise", "describeImages", "planeMoments", "meanAndStd"],
  "gradients of gradients: test/unit/autograd/second_order.test.ts": ["pickMaxima"],
  "running statistics: test/unit/ops/norm.test.ts": ["updateRunning"],
};

const coverage = new Coverage();
for (const testCase of Object.values(allCases).flat()) coverage.see(testCase);

test("every operation has a case, except those listed", () => {
  console.log(`${coverage}`);
  const missing = operationClasses().filter((name) => !coverage.operations.has(name));
  expect(missing).toEqual(Object.keys(WITHOUT_CASE));
});

test("the cases launch every kernel, except those listed", () => {
  const missing = kernelNames().filter((name) => !coverage.kernels.has(name));
  expect(missing.sort()).toEqual(Object.values(OUTSIDE_OF_OPERATIONS).flat().sort());
});

test("operations are concrete classes, including those that extend another operation", () => {
  const classes = operationClasses();
  expect(classes.length).toBeGreaterThan(50);
  expect(classes).toEqual(expect.arrayContaining(["Conv2d", "Add", "PadBorder", "Clamp", "BatchNorm"]));
  for (const name of ["Op", "Binary", "SumOrMean", "Block"]) expect(classes).not.toContain(name);
});
