import { OptionError } from "../../errors.ts";
import { type DType, type NDArray, sizeOf, type TypedArray } from "../../ops/core/array.ts";
import type { Attributes, Op } from "../../ops/core/op.ts";
import { Expand } from "../../ops/movement/expand.ts";
import { Positions } from "../../ops/movement/positions.ts";
import { Reshape } from "../../ops/movement/reshape.ts";
import { View } from "../../ops/movement/view.ts";
import { fitLength, isFixed, type Length, type Lengths } from "./length.ts";
import { describeStep, type RecordedStep, type RecordedValue, type StateUse } from "./recording.ts";
import { type Slices, slicesOf } from "./region.ts";

/** A value of the exported graph. */
export interface GraphValue {
  readonly shape: Lengths;
  readonly dtype: DType;
  readonly source:
    | { readonly kind: "input"; readonly index: number }
    | { readonly kind: "state"; readonly name: string; readonly array: NDArray; readonly use: StateUse }
    /** `shape` has 1 for dimensions that depend on the batch: the elements are repeated along these. */
    | { readonly kind: "constant"; readonly shape: readonly number[]; readonly data: TypedArray }
    | { readonly kind: "result" };
}

/** The slices of a view, for every size of the batch. */
export interface GraphSlices {
  readonly starts: Lengths;
  readonly counts: Lengths;
  readonly steps: readonly number[];
  readonly order: readonly number[];
}

/** An operation of the exported graph. */
export interface GraphStep {
  readonly op: Op;
  readonly name: string;
  readonly attributes: Attributes;
  readonly path: string;
  /** A number that depends on the batch is a Length. */
  readonly inputs: readonly (GraphValue | Length | null)[];
  readonly outputs: readonly GraphValue[];
  /** Of a View: its slices, or null if it is no slice. */
  readonly slices: GraphSlices | null;
  /** Of Positions: the dimension and the positions. */
  readonly positions: { readonly dim: number; readonly positions: readonly number[] } | null;
}

export interface FunctionGraph {
  readonly inputs: readonly GraphValue[];
  readonly steps: readonly GraphStep[];
  readonly outputs: readonly GraphValue[];
}

/** One run of the function. */
export interface Run {
  /** Samples in the batch. */
  readonly batch: number;
  readonly inputs: readonly RecordedValue[];
  readonly steps: readonly RecordedStep[];
  readonly outputs: readonly RecordedValue[];
}

const fail = (message: string): never => {
  throw new OptionError(`exportOnnx: ${message}`);
};

/**
 * Joins several runs, with different elements and sizes of the batch, to the graph of the function for any
 * batch.
 */
export function joinRuns(runs: readonly Run[]): FunctionGraph {
  const batches = runs.map((run) => run.batch);
  const values = new Map<number, GraphValue>();

  const linear = (numbers: readonly number[], what: () => string): Length =>
    fitLength(numbers, batches) ??
    fail(`${what()} is ${numbers.join(", ")} for batches of ${batches.join(", ")}: expected a linear function`);

  const joinShapes = (shapes: readonly (readonly number[])[], where: string): Lengths => {
    if (shapes.some((shape) => shape.length !== shapes[0].length)) {
      fail(`${where}: the number of dimensions depends on the batch or on the elements of the inputs`);
    }
    return shapes[0].map((_, d) =>
      linear(
        shapes.map((shape) => shape[d]),
        () => `${where}: dimension ${d}`,
      ),
    );
  };

  const joinValues = (versions: readonly RecordedValue[], where: string): GraphValue => {
    const [{ id, dtype, source }] = versions;
    const before = values.get(id);
    if (before) return before;
    const shape = joinShapes(
      versions.map((version) => version.shape),
      where,
    );
    const value: GraphValue = {
      shape,
      dtype,
      source:
        source.kind === "constant"
          ? joinConstants(versions, shape, where)
          : source.kind === "result"
            ? { kind: "result" }
            : source,
    };
    values.set(id, value);
    return value;
  };

  const [first, ...others] = runs;
  for (const run of others) compareSteps(first, run);
  const steps = first.steps.map((step, i): GraphStep => {
    const same = runs.map((run) => run.steps[i]);
    const { op, path } = step;
    const where = describeStep(op.name, path);
    const inputs = step.inputs.map((input, k) => {
      if (input === null) return null;
      const versions = same.map(({ inputs }) => inputs[k]);
      if (typeof input !== "number") return joinValues(versions as RecordedValue[], where);
      if (versions.every((version) => Object.is(version, input))) return input;
      return linear(versions as number[], () => `${where}: the number of input ${k}`);
    });
    const slices = op instanceof View ? joinSlices(same, linear, where) : null;
    const positions = op instanceof Positions ? joinPositions(same, where) : null;
    const outputs = step.outputs.map((_, k) =>
      joinValues(
        same.map(({ outputs }) => outputs[k]),
        where,
      ),
    );
    return { op, name: op.name, attributes: op.attributes, path, inputs, outputs, slices, positions };
  });
  return {
    inputs: first.inputs.map((_, k) =>
      joinValues(
        runs.map(({ inputs }) => inputs[k]),
        `input ${k}`,
      ),
    ),
    steps,
    outputs: first.outputs.map((_, k) =>
      joinValues(
        runs.map(({ outputs }) => outputs[k]),
        `output ${k}`,
      ),
    ),
  };
}

/** Checks that two runs are the same operations with the same options on the same values. */
function compareSteps(a: Run, b: Run): void {
  const of = (step: RecordedStep | undefined) => (step ? describeStep(step.op.name, step.path) : "missing");
  const depends = (what: string) =>
    fail(`${what}: the operations must not depend on the size of the batch, on elements of the inputs or on chance`);
  for (let i = 0; i < Math.max(a.steps.length, b.steps.length); i++) {
    const [x, y] = [a.steps[i], b.steps[i]];
    if (of(x) !== of(y) || x.inputs.length !== y.inputs.length || x.outputs.length !== y.outputs.length) {
      depends(`operation ${i} is ${of(x)} in a run with a batch of ${a.batch} and ${of(y)} with a batch of ${b.batch}`);
    }
    const idOf = (input: RecordedStep["inputs"][number]) =>
      typeof input === "object" ? (input?.id ?? null) : "number";
    x.inputs.forEach((input, k) => {
      if (idOf(input) !== idOf(y.inputs[k])) depends(`input ${k} of ${of(x)} is another value with another batch`);
    });
    const isMovement = [View, Reshape, Expand, Positions].some((kind) => x.op instanceof kind);
    for (const [name, value] of isMovement ? [] : Object.entries(x.op.attributes)) {
      const other = y.op.attributes[name];
      if (JSON.stringify(value) !== JSON.stringify(other)) {
        depends(`${name} of ${of(x)} is ${JSON.stringify(value)} and, with another batch, ${JSON.stringify(other)}`);
      }
    }
  }
  a.outputs.forEach((output, k) => {
    if (output.id !== b.outputs[k]?.id) depends(`output ${k} is another value with another batch`);
  });
}

/** The elements of a constant, which are the same in all runs. */
function joinConstants(versions: readonly RecordedValue[], lengths: Lengths, where: string): GraphValue["source"] {
  const shape = lengths.map((length) => (isFixed(length) ? length : 1));
  let kept: TypedArray | undefined;
  for (const version of versions) {
    const { data } = version.source as { data: TypedArray };
    const own = firstAlong(data, version.shape, shape);
    kept ??= own ?? undefined;
    if (!own || !kept || own.some((value, i) => !Object.is(value, (kept as TypedArray)[i]))) {
      fail(
        `${where}: a tensor of shape [${version.shape}] that follows from no input has other elements in another run. ` +
          "It is random, was computed outside of tensor operations, or depends on the size of the batch",
      );
    }
  }
  return { kind: "constant", shape, data: kept as TypedArray };
}

/**
 * The elements at position 0 of each dimension that `kept` has with length 1, or null if others differ from
 * them.
 */
function firstAlong(data: TypedArray, shape: readonly number[], kept: readonly number[]): TypedArray | null {
  if (sizeOf(shape) === sizeOf(kept)) return data;
  const out = data.slice(0, sizeOf(kept));
  const seen = new Uint8Array(out.length);
  const index = shape.map(() => 0);
  for (let i = 0; i < data.length; i++) {
    let place = 0;
    for (let d = 0; d < shape.length; d++) place = place * kept[d] + (kept[d] === 1 ? 0 : index[d]);
    if (seen[place] === 0) out[place] = data[i];
    else if (!Object.is(out[place], data[i])) return null;
    seen[place] = 1;
    for (let d = shape.length - 1; d >= 0 && ++index[d] === shape[d]; d--) index[d] = 0;
  }
  return out;
}

type Linear = (numbers: readonly number[], what: () => string) => Length;

function joinSlices(steps: readonly RecordedStep[], linear: Linear, where: string): GraphSlices | null {
  const all = steps.map(({ op, inputs }) => slicesOf(inputs[0] as RecordedValue, (op as View).region));
  if (all.some((slices) => slices === undefined)) return null;
  const versions = all as Slices[];
  const [{ starts, steps: strides, order }] = versions;
  if (versions.some((other) => `${other.steps}/${other.order}` !== `${strides}/${order}`)) {
    fail(`${where}: what it takes is no linear function of the size of the batch`);
  }
  const join = (name: "starts" | "counts") =>
    starts.map((_, d) =>
      linear(
        versions.map((slices) => slices[name][d]),
        () => `${where}: ${name} of dimension ${d}`,
      ),
    );
  return { starts: join("starts"), counts: join("counts"), steps: strides, order };
}

function joinPositions(steps: readonly RecordedStep[], where: string) {
  const lists = steps.map(({ op, inputs }) => (op as Positions).listOf((inputs[0] as RecordedValue).shape));
  if (lists.some((list) => JSON.stringify(list) !== JSON.stringify(lists[0]))) {
    fail(`${where}: the positions that it takes depend on the size of the batch`);
  }
  return lists[0];
}
