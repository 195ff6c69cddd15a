import { OptionError } from "../../errors.ts";
import { type DType, normalizeDim } from "../../ops/core/array.ts";
import type { AttributeValue } from "../../ops/core/op.ts";
import type { GraphStep, GraphValue } from "./graph.ts";
import { isFixed, type Length, type Lengths } from "./length.ts";
import type { NodeWriter } from "./node_writer.ts";
import { describeStep } from "./recording.ts";

/** Writes the nodes of an operation. Returns the names of its results. */
export type OperatorWriter = (step: StepWriter) => string | readonly string[];

const RANK: Record<DType, number> = { bool: 0, int32: 1, float32: 2 };

/** An operation that is being written: its inputs by name, and its options. */
export class StepWriter {
  readonly step: GraphStep;
  readonly nodes: NodeWriter;

  constructor(step: GraphStep, nodes: NodeWriter) {
    this.step = step;
    this.nodes = nodes;
  }

  /** @throws OptionError that says which operation cannot be exported, and why */
  refuse(reason: string): never {
    throw new OptionError(`exportOnnx: ${describeStep(this.step.name, this.step.path)}: ${reason}`);
  }

  has(i: number): boolean {
    return this.step.inputs[i] !== undefined && this.step.inputs[i] !== null;
  }

  /** The value of input i, if it is a tensor. */
  value(i: number): GraphValue | null {
    const value = this.step.inputs[i];
    return typeof value === "object" && value !== null && "source" in value ? value : null;
  }

  shape(i: number): Lengths {
    return this.value(i)?.shape ?? [];
  }

  /** The dtype of an input; of a number int32 if int32 can hold it, else float32. */
  dtype(i: number): DType {
    const value = this.value(i);
    if (value) return value.dtype;
    const number = this.step.inputs[i] as Length;
    return !isFixed(number) || (number === (number | 0) && !Object.is(number, -0)) ? "int32" : "float32";
  }

  /** The name of an input, cast to a dtype if one is given. */
  x(i: number, dtype: DType = this.dtype(i)): string {
    const value = this.value(i);
    if (value) return this.nodes.cast(this.nodes.nameOf(value), value.dtype, dtype);
    return this.nodes.number(this.step.inputs[i] as Length, dtype);
  }

  /** The name of an input, or "" if it is omitted. */
  optional(i: number): string {
    return this.has(i) ? this.x(i) : "";
  }

  /** The common dtype of inputs, at least `atLeast`. */
  common(inputs: readonly number[], atLeast: DType = "bool"): DType {
    return inputs.map((i) => this.dtype(i)).reduce((a, b) => (RANK[a] > RANK[b] ? a : b), atLeast);
  }

  get result(): Lengths {
    return this.step.outputs[0].shape;
  }

  attribute<T extends AttributeValue | undefined>(name: string): T {
    return this.step.attributes[name] as T;
  }

  /** The option `dim` of an operation on input i, as an index from 0. */
  dim(i = 0, name = "dim"): number {
    return normalizeDim(this.step.name, this.attribute<number>(name), this.shape(i).length);
  }

  /** Lengths that must not depend on the batch. */
  fixed(lengths: Lengths, what: string): number[] {
    if (!lengths.every(isFixed)) this.refuse(`${what} must not depend on the size of the batch`);
    return lengths as number[];
  }
}
