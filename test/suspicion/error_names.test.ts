/**
 * Each method of a tensor names itself in its errors, also where it is composed of other operations, and
 * throws none of JavaScript's errors. So do the constructors of layers, losses and optimizers.
 */
import { expect, test } from "vitest";
import { nn, ones, optim, Tensor, tensor, WasmgradError } from "wasmgrad";

/** Not for users. */
const INTERNAL = ["constructor", "accumulateGrad", "become"];

function methodNames(): string[] {
  const names = new Set<string>();
  for (let type = Tensor.prototype; type !== Object.prototype; type = Object.getPrototypeOf(type)) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(type))) {
      if (typeof value === "function" && !INTERNAL.includes(name)) names.add(name);
    }
  }
  return [...names];
}

const ARGUMENTS: readonly (readonly unknown[])[] = [
  [99],
  [1.5],
  ["x"],
  [null],
  [[99]],
  [{ bogus: 1 }],
  [ones([7, 9])],
  [1, 99],
  [1, { bogus: 1 }],
  [0, 0, 99],
  [2, 1, { bogus: 1 }],
];

test.each(methodNames())("%s", (name) => {
  for (const args of ARGUMENTS) {
    const x = tensor([
      [1, 2, 3],
      [4, 5, 6],
    ]) as unknown as Record<string, (...args: readonly unknown[]) => unknown>;
    let error: unknown;
    try {
      x[name](...args);
    } catch (thrown) {
      error = thrown;
    }
    if (error === undefined) continue; // the arguments are right, or there are too many
    expect(error, JSON.stringify(args)).toBeInstanceOf(WasmgradError);
    expect((error as Error).message).toMatch(new RegExp(`^(Tensor\\.)?${name}\\b`));
  }
});

/** Bases of the classes that users construct. */
const ABSTRACT = ["Optimizer", "LRScheduler"];

const constructors = Object.entries({ ...nn, ...optim }).filter(
  ([name, value]) => typeof value === "function" && /^class\b/.test(String(value)) && !ABSTRACT.includes(name),
) as [string, new (...args: readonly unknown[]) => unknown][];

test.each(constructors)("new %s", (name, Class) => {
  for (const args of [[0.2], ["x"], [null], [[]], [3, 0.2], [3, 4, 5], [{ bogus: 1 }], [3, { bogus: 1 }]]) {
    let error: unknown;
    try {
      new Class(...args);
    } catch (thrown) {
      error = thrown;
    }
    if (error === undefined) continue; // as above
    expect(error, JSON.stringify(args)).toBeInstanceOf(WasmgradError);
    expect((error as Error).message).toMatch(new RegExp(`^${name}\\b`));
  }
});

test("some arguments are wrong for nearly every method", () => {
  const names = methodNames();
  expect(names.length).toBeGreaterThan(200);
  expect(() => tensor([1]).norm(1, 9)).toThrow("norm: dim");
  expect(constructors.length).toBeGreaterThan(100);
  expect(() => new nn.LeakyReLU(0.2 as never)).toThrow("LeakyReLU: options");
});
