import { DataError, WasmgradError } from "../../errors.ts";
import { keep, scope } from "../../tensor/lifetime/scoped.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { HostValue, toHost, toTensor, type Value } from "../host_value.ts";
import type { AttributeReader, Call } from "../operator.ts";
import { type GraphNode, OMITTED } from "./graph.ts";
import { type Plan, type Step, When } from "./plan.ts";

/**
 * Tensors of host values that live longer than an evaluation, so that each is converted once. Null before the
 * first conversion.
 */
const conversions = new WeakMap<HostValue, Tensor | null>();

/** Makes a value outlive the evaluation: it is a constant, or is cached. */
export function makePermanent(value: Value): void {
  if (!(value instanceof HostValue)) keep(value);
  else if (!conversions.has(value)) conversions.set(value, null);
}

/** Releases the tensor that a permanent host value was converted to. */
export function releaseConversion(value: Value | undefined): void {
  if (!(value instanceof HostValue)) return;
  conversions.get(value)?.release();
  conversions.delete(value);
}

function tensorOf(value: Value): Tensor {
  if (!(value instanceof HostValue)) return value;
  const known = conversions.get(value);
  if (known && !known.released) return known;
  const converted = toTensor(value);
  if (known === undefined) return converted;
  conversions.set(value, keep(converted));
  return converted;
}

/** Values that the evaluations with the same input shapes share, by slot. */
export type Template = (Value | undefined)[];

/** Learns of each step that ran. */
export type StepReport = (
  step: Step,
  inputs: readonly (Value | undefined)[],
  outputs: readonly (Value | undefined)[],
) => void;

/** One evaluation of a plan. */
export class Evaluation {
  readonly values: Template;
  readonly training: boolean;
  /** Values by slot, of constants (`When.Import`) and of what depends on shapes only (`When.Shapes`). */
  readonly #shared: readonly [byImport: Template, byShapes: Template];
  /** Tensors that are not released when nothing reads them any more. */
  readonly #permanent: Set<Tensor>;
  /** How many slots hold each tensor that an operator made. */
  readonly #holders = new Map<Tensor, number>();
  /** Called after each step that ran, with its inputs and outputs. */
  readonly #report: StepReport | undefined;

  /**
   * @param byImport values of weights and constants
   * @param byShapes the same, with values that depend on the shapes of the inputs
   */
  constructor(byImport: Template, byShapes: Template, permanent: Set<Tensor>, training: boolean, report?: StepReport) {
    this.#shared = [byImport, byShapes];
    this.values = byShapes.slice();
    this.#permanent = permanent;
    this.training = training;
    this.#report = report;
  }

  /** Whether a slot holds a weight, a buffer or a constant. */
  isStored(slot: number): boolean {
    return this.#shared[0][slot] !== undefined;
  }

  /** Sets an input of the graph, which belongs to the caller. */
  setInput(slot: number, value: Value): void {
    this.values[slot] = value;
    if (value instanceof Tensor) this.#holders.set(value, Number.POSITIVE_INFINITY);
  }

  /** Computes the outputs of a plan. */
  run(plan: Plan): Value[] {
    for (const step of plan.steps) {
      if (!this.#isKnown(step)) this.#runStep(step);
      for (const slot of step.lastUses) this.#drop(slot);
    }
    return plan.outputs.map((slot) => this.#get(slot));
  }

  /** Computes the outputs of a graph in an attribute. They are then held by the outputs of the node. */
  runInner(plan: Plan): Value[] {
    const outputs = this.run(plan);
    for (const slot of plan.ownOutputs) this.#drop(slot, false);
    return outputs;
  }

  /** Whether the step's results are those of an earlier evaluation. */
  #isKnown(step: Step): boolean {
    return step.when !== When.Data && step.firstOutput !== OMITTED && this.values[step.firstOutput] !== undefined;
  }

  #runStep(step: Step): void {
    const { node } = step;
    const inputs = step.inputs.map((slot) => (slot === OMITTED ? undefined : this.#get(slot)));
    const outputs = scope(() => {
      try {
        const result = step.operator.run(new NodeCall(this, step, inputs));
        return Array.isArray(result) ? result : [result];
      } catch (error) {
        throw explain(error, node);
      }
    });
    for (let i = 0; i < step.outputs.length; i++) {
      const slot = step.outputs[i];
      const value = outputs[i];
      if (slot === OMITTED || value === undefined) continue;
      this.values[slot] = value;
      if (step.when !== When.Data) this.#share(step.when, slot, value);
      if (value instanceof Tensor && !this.#permanent.has(value)) {
        this.#holders.set(value, (this.#holders.get(value) ?? 0) + 1);
      }
    }
    this.#report?.(step, inputs, outputs);
  }

  #share(when: When, slot: number, value: Value): void {
    makePermanent(value);
    if (value instanceof Tensor) this.#permanent.add(value);
    this.#shared[1][slot] = value;
    if (when === When.Import) this.#shared[0][slot] = value;
  }

  #get(slot: number): Value {
    const value = this.values[slot];
    if (value === undefined) throw new DataError("a value is read that its node did not compute");
    return value;
  }

  /** Empties a slot that nothing reads any more, and releases its tensor. */
  #drop(slot: number, releases = true): void {
    const value = this.values[slot];
    this.values[slot] = undefined;
    if (!(value instanceof Tensor)) return;
    const holders = this.#holders.get(value);
    if (holders === undefined) return;
    if (holders > 1) this.#holders.set(value, holders - 1);
    else {
      this.#holders.delete(value);
      if (releases) value.release();
    }
  }
}

/**
 * Adds the node to an error's message; errors of JavaScript itself, which damaged files cause, become
 * DataErrors.
 */
function explain(error: unknown, node: GraphNode): unknown {
  const where = `${node.opType} "${node.name}"`;
  if (!(error instanceof WasmgradError)) {
    return new DataError(`OnnxModule.forward: ${where} failed: ${error}`, { cause: error });
  }
  if (!error.message.startsWith("OnnxModule.forward:")) {
    error.message = `OnnxModule.forward: ${where}: ${error.message}`;
  }
  return error;
}

/** One run of a node. */
class NodeCall implements Call {
  readonly inputs: readonly (Value | undefined)[];
  readonly #evaluation: Evaluation;
  readonly #step: Step;

  constructor(evaluation: Evaluation, step: Step, inputs: readonly (Value | undefined)[]) {
    this.#evaluation = evaluation;
    this.#step = step;
    this.inputs = inputs;
  }

  get opType(): string {
    return this.#step.node.opType;
  }

  get name(): string {
    return this.#step.node.name;
  }

  get opset(): number {
    return this.#step.node.opset;
  }

  get attributes(): AttributeReader {
    return this.#step.node.attributes;
  }

  get outputCount(): number {
    return this.#step.outputs.length;
  }

  get training(): boolean {
    return this.#evaluation.training;
  }

  hasInput(i: number): boolean {
    return this.inputs[i] !== undefined;
  }

  hasOutput(i: number): boolean {
    return this.#step.node.hasOutput(i);
  }

  constantInput(i: number): HostValue | undefined {
    const value = this.inputs[i];
    return value instanceof HostValue ? value : undefined;
  }

  isStored(i: number): boolean {
    return this.#evaluation.isStored(this.#step.inputs[i] ?? OMITTED);
  }

  tensor(i: number): Tensor {
    return tensorOf(this.#input(i));
  }

  float(i: number): Tensor {
    const x = this.tensor(i);
    return x.dtype === "float32" ? x : x.float();
  }

  optionalTensor(i: number): Tensor | null {
    const value = this.inputs[i];
    return value === undefined ? null : tensorOf(value);
  }

  host(i: number): HostValue {
    return toHost(this.#input(i));
  }

  optionalInts(i: number): readonly number[] | undefined {
    return this.hasInput(i) ? this.ints(i) : undefined;
  }

  ints(i: number): readonly number[] {
    const { data } = this.host(i);
    if (!data.every(Number.isInteger)) throw new DataError(`input ${i} expected integers, got ${data}`);
    return data;
  }

  number(i: number): number {
    const { data } = this.host(i);
    if (data.length !== 1) throw new DataError(`input ${i} expected one element, got ${data.length}`);
    return data[0];
  }

  runGraph(attribute: string): Value[] {
    const plan = this.#step.graphs.get(attribute);
    if (!plan) throw new DataError(`expected a graph in the attribute ${attribute}`);
    return this.#evaluation.runInner(plan);
  }

  #input(i: number): Value {
    const value = this.inputs[i];
    if (value === undefined) throw new DataError(`expected an input ${i}, got ${this.inputs.length} inputs`);
    return value;
  }
}
