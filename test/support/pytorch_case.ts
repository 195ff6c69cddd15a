/** Cases of test/fixtures/breadth: PyTorch's outputs and gradients of a function or a module. */
import { readFileSync } from "node:fs";
import { expect } from "vitest";
import { type nn, type Tensor, tensor } from "wasmgrad";
import { expectClose } from "./compare.ts";

interface Values {
  shape: number[];
  dtype?: "int32";
  data: number[];
}

interface PytorchCase {
  inputs: Record<string, Values>;
  outputs: Values[];
  gradOutputs: Values[];
  grads: Record<string, Values>;
  state?: Record<string, Values>;
  paramGrads?: Record<string, Values>;
}

export function readCases(name: string): Record<string, PytorchCase> {
  return JSON.parse(readFileSync(new URL(`../fixtures/breadth/${name}.json`, import.meta.url), "utf8"));
}

function toTensor({ shape, dtype, data }: Values, requiresGrad = false): Tensor {
  if (dtype === "int32") return tensor(Int32Array.from(data), { shape });
  return tensor(Float32Array.from(data), { shape, requiresGrad });
}

function expectValues(what: string, actual: Tensor | null | undefined, expected: Values, tolerance: number): void {
  if (!actual) throw new Error(`${what}: nothing came`);
  expect([...actual.shape], `shape of ${what}`).toEqual(expected.shape);
  expectClose(what, actual.data(), Float32Array.from(expected.data), tolerance);
}

type Nested = Tensor | readonly Nested[];
const flat = (value: Nested): Tensor[] => (Array.isArray(value) ? value.flatMap(flat) : [value as Tensor]);

/**
 * Runs a function with a case's inputs, by name, and compares its outputs and gradients with PyTorch's. A
 * module is first given PyTorch's state; then its parameters' gradients are compared too.
 */
export function checkCase(
  fixture: PytorchCase | undefined,
  run: (inputs: Record<string, Tensor>) => Nested,
  { module, tolerance = 1e-5 }: { module?: nn.Module; tolerance?: number } = {},
): void {
  if (!fixture) throw new Error("there is no such case");
  if (module) {
    const state = Object.entries(fixture.state ?? {}).map(([name, values]) => [name, toTensor(values)] as const);
    module.loadStateDict(Object.fromEntries(state));
  }
  const inputs = Object.fromEntries(
    Object.entries(fixture.inputs).map(([name, values]) => [name, toTensor(values, name in fixture.grads)]),
  );
  const outputs = flat(run(inputs));
  expect(outputs.length).toBeGreaterThanOrEqual(fixture.outputs.length);
  fixture.outputs.forEach((expected, i) => {
    expectValues(`output ${i}`, outputs[i], expected, tolerance);
  });
  const weighted = fixture.outputs.flatMap((_, i) =>
    outputs[i].requiresGrad ? [outputs[i].mul(toTensor(fixture.gradOutputs[i])).sum()] : [],
  );
  if (weighted.length > 0) weighted.reduce((a, b) => a.add(b)).backward();
  for (const [name, expected] of Object.entries(fixture.grads)) {
    expectValues(`gradient of ${name}`, inputs[name].grad, expected, tolerance);
  }
  const parameters = Object.fromEntries(module?.namedParameters() ?? []);
  for (const [name, expected] of Object.entries(fixture.paramGrads ?? {})) {
    expectValues(`gradient of ${name}`, parameters[name].grad, expected, tolerance);
  }
}
