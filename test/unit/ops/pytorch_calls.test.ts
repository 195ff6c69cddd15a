/** PyTorch's results and gradients of the calls in test/fixtures/calls (made by gen_calls.py). */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import * as wasmgrad from "wasmgrad";
import { expectClose } from "../../support/compare.ts";

const { Tensor, tensor } = wasmgrad;
type Tensor = wasmgrad.Tensor;

interface CallArray {
  shape: number[];
  dtype: wasmgrad.DType;
  data: (number | string)[];
}

interface Call {
  name: string;
  /** A method or getter of input 0, or "function:name". */
  call: string;
  inputs: CallArray[];
  /** Null for a getter. "$1" stands for input 1. */
  args: unknown[] | null;
  outputs: CallArray[];
  /** The result where it is no tensor. */
  value: number | boolean | null;
  gradOutputs?: (CallArray | null)[];
  grads?: (CallArray | null)[];
  /** Inputs without a gradient. */
  constant: number[];
  /** Largest |difference| / max(1, |expected|). Default 2e-6. */
  tolerance?: number;
}

const folder = fileURLToPath(new URL("../../fixtures/calls", import.meta.url));

const numbers = ({ data }: CallArray) => data.map(Number);

function toTensor(given: CallArray, requiresGrad = false): Tensor {
  return tensor(numbers(given), { shape: given.shape, dtype: given.dtype, requiresGrad });
}

/** Replaces "$1" by input 1. */
function fill(arg: unknown, inputs: readonly Tensor[]): unknown {
  if (Array.isArray(arg)) return arg.map((item) => fill(item, inputs));
  if (typeof arg === "string" && /^\$\d$/.test(arg)) return inputs[Number(arg.slice(1))];
  if (arg === "Infinity" || arg === "-Infinity") return Number(arg);
  if (typeof arg === "object" && arg !== null && !(arg instanceof Tensor)) {
    return Object.fromEntries(Object.entries(arg).map(([name, value]) => [name, fill(value, inputs)]));
  }
  return arg;
}

function run({ call, args }: Call, inputs: readonly Tensor[]): unknown {
  const name = call.replace("function:", "");
  const owner = (call === name ? inputs[0] : wasmgrad) as unknown as Record<string, unknown>;
  const member = owner[name];
  return args === null
    ? member
    : (member as (...args: unknown[]) => unknown).call(owner, ...(fill(args, inputs) as []));
}

function toOutputs(result: unknown): Tensor[] {
  if (result instanceof Tensor) return [result];
  return (Array.isArray(result) ? result : Object.values(result as object)) as Tensor[];
}

for (const file of readdirSync(folder)) {
  const calls = JSON.parse(readFileSync(`${folder}/${file}`, "utf8")) as Call[];
  describe(file, () => {
    test.each(calls)("$name", (call) => {
      const inputs = call.inputs.map((given, i) =>
        toTensor(given, given.dtype === "float32" && !call.constant.includes(i)),
      );
      const tolerance = call.tolerance ?? 2e-6;
      const result = run(call, inputs);
      if (call.value !== null) {
        expect(result).toBe(call.value);
        return;
      }
      const outputs = toOutputs(result);
      expect(outputs.map(({ dtype, shape }) => ({ dtype, shape: [...shape] }))).toEqual(
        call.outputs.map(({ dtype, shape }) => ({ dtype, shape })),
      );
      for (const [k, output] of outputs.entries()) {
        expectClose(`output ${k}`, output.data(), numbers(call.outputs[k]), tolerance);
      }
      if (!call.gradOutputs) return;
      for (const [k, output] of outputs.entries()) {
        const given = call.gradOutputs[k];
        // where the gradient is 0 everywhere, the library may record no graph
        if (given && output.requiresGrad) output.backward(toTensor(given), { retainGraph: true });
      }
      for (const [k, expected] of (call.grads ?? []).entries()) {
        if (expected === null) continue;
        const grad = inputs[k].grad?.data() ?? new Float32Array(inputs[k].numel());
        expectClose(`gradient of input ${k}`, grad, numbers(expected), 5 * tolerance);
      }
    });
  });
}
