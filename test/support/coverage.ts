/** Which operations and kernels the cases reach, according to a trace of their runs. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { scope, type Trace, traceOperations } from "wasmgrad";
import type { NDArray } from "../../src/ops/core/array.ts";
import type { Op } from "../../src/ops/core/op.ts";
import { recorder } from "../../src/ops/core/recorder.ts";
import type { OpCase } from "../cases/case.ts";
import { drawInputs } from "./check_case.ts";
import { readSources, root } from "./source.ts";

export type OpInput = NDArray | number | null;

/** The concrete classes of src/ops that extend Op, directly or indirectly. */
export function operationClasses(): string[] {
  const classes = readSources("src/ops")
    .flatMap(({ nodes }) => nodes)
    .filter(({ type }) => type === "ClassDeclaration")
    .map(({ id, superClass, abstract }) => ({ name: id.name, parent: superClass?.name, abstract: Boolean(abstract) }));
  const parents = new Map(classes.map(({ name, parent }) => [name, parent]));
  const isOperation = (name: string | undefined): boolean =>
    name === "Op" || (name !== undefined && isOperation(parents.get(name)));
  return classes.filter(({ name, abstract }) => !abstract && isOperation(name)).map(({ name }) => name);
}

/** All kernels of the release. */
export function kernelNames(): string[] {
  const declared = readFileSync(join(root, "src/runtime/kernels.generated.ts"), "utf8");
  return Array.from(declared.matchAll(/^ {2}(\w+)\(/gm), ([, name]) => name).filter((name) => name !== "heapBase");
}

/**
 * Runs a case forward and backward; `see` is called with each operation and its inputs before its forward
 * pass.
 */
export function watchOperations(testCase: OpCase, see: (op: Op, inputs: readonly OpInput[]) => void): Trace {
  const run = () => {
    const recording = recorder!;
    const forward = recording.forward.bind(recording);
    recording.forward = (op, inputs) => {
      see(op, inputs);
      return forward(op, inputs);
    };
    scope(() => {
      const result = testCase.run(...drawInputs(testCase).tensors);
      if (result.requiresGrad) result.backward(result.detach());
    });
  };
  return traceOperations(run, { print: false });
}

/** Counts the operations and kernels that ran, by name. */
export class Coverage {
  readonly operations = new Set<string>();
  readonly kernels = new Set<string>();

  /** Runs a case forward and backward. */
  see(testCase: OpCase): void {
    const { entries } = watchOperations(testCase, (op) => void this.operations.add(op.constructor.name));
    for (const { name } of entries.flatMap(({ kernels }) => kernels)) this.kernels.add(name);
  }

  /** "51 of 53 operations have cases; kernels launched by the cases: 180 of 193". */
  toString(): string {
    const operations = operationClasses();
    const kernels = kernelNames();
    const seen = (names: readonly string[], set: Set<string>) => names.filter((name) => set.has(name)).length;
    return (
      `${seen(operations, this.operations)} of ${operations.length} operations have cases; ` +
      `kernels launched by the cases: ${seen(kernels, this.kernels)} of ${kernels.length}`
    );
  }
}
