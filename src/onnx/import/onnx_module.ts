import { describe, isObject } from "../../checks.ts";
import { DTypeError, formatShape, OptionError, ShapeError } from "../../errors.ts";
import type { ModuleStep } from "../../nn/internal/steps.ts";
import { Module } from "../../nn/module.ts";
import type { Parameter } from "../../nn/parameter.ts";
import type { DType } from "../../ops/core/array.ts";
import { scope } from "../../tensor/lifetime/scoped.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { toTensor, type Value } from "../host_value.ts";
import { Evaluation, releaseConversion, type StepReport, type Template } from "./evaluation.ts";
import type { OnnxGraphInfo, OnnxValueInfo } from "./graph_info.ts";
import type { Plan } from "./plan.ts";
import { moduleStep } from "./step_summary.ts";

/** For so many lists of input shapes, what depends on the shapes is kept. */
const CACHED_SHAPES = 8;

/** What `importOnnx` makes of a file. */
export interface ModuleParts {
  info: OnnxGraphInfo;
  plan: Plan;
  inputSlots: readonly number[];
  /** Weights and constants by slot. */
  values: Template;
  parameters: Map<string, Parameter>;
  buffers: Map<string, Tensor>;
}

/** The tensors of a graph by the names of its outputs. */
export type OnnxOutputs = Tensor | Record<string, Tensor>;

/**
 * An ONNX model as a module: its weights are parameters, so that it can be trained like any other. Made by
 * `importOnnx`.
 *
 * Names in the state dict are those in the file. In training mode, BatchNormalization uses the batch's
 * statistics and Dropout drops elements, whatever the file says; call `eval()` before inference.
 */
export class OnnxModule<Outputs extends OnnxOutputs = Tensor> extends Module {
  /** The inputs, outputs and nodes of the graph. */
  readonly graph: OnnxGraphInfo;
  readonly #plan: Plan;
  readonly #inputSlots: readonly number[];
  readonly #parameters: ReadonlyMap<string, Parameter>;
  readonly #weightBuffers: ReadonlyMap<string, Tensor>;
  /** Values of weights, constants and what follows from constants. */
  readonly #values: Template;
  /** Values that depend on the shapes of the inputs, the least recently used shapes first. */
  readonly #byShapes = new Map<string, Template>();
  /** Tensors that an evaluation does not release. */
  readonly #permanent: Set<Tensor>;

  /** @internal */
  constructor({ info, plan, inputSlots, values, parameters, buffers }: ModuleParts) {
    super();
    this.graph = info;
    this.#plan = plan;
    this.#inputSlots = inputSlots;
    this.#values = values;
    this.#parameters = parameters;
    this.#weightBuffers = buffers;
    this.#permanent = new Set(values.filter((value) => value instanceof Tensor));
  }

  /**
   * Computes the graph's outputs.
   *
   * @param inputs the graph's inputs in their order, or one object with the inputs by name. See
   *   `graph.inputs` for their shapes and dtypes.
   * @returns the output, or if the graph has several, an object with the outputs by name
   * @throws OptionError for missing inputs or unknown names.
   * @throws ShapeError for a rank or length that differs from the file's.
   * @throws DTypeError for another dtype than the file's.
   */
  forward(...inputs: (Tensor | Readonly<Record<string, Tensor>>)[]): Outputs {
    return this.#compute(inputs);
  }

  /** @internal As `forward`, and calls `report` after each node that depends on the inputs. */
  forwardInSteps(report: (step: ModuleStep) => void, ...inputs: readonly unknown[]): Outputs {
    return this.#compute(inputs, (step, given, outputs) => {
      const made = moduleStep(step, given, outputs);
      if (made) report(made);
    });
  }

  /** @internal The dtype of the first input. */
  get firstInputDType(): DType {
    return this.graph.inputs[0]?.dtype ?? "float32";
  }

  #compute(inputs: readonly unknown[], report?: StepReport): Outputs {
    const given = this.#bind(inputs);
    const outputs = scope(() => this.evaluate(given, report).map((value) => this.#handOut(value)));
    if (outputs.length === 1) return outputs[0] as Outputs;
    return Object.fromEntries(this.graph.outputs.map(({ name }, i) => [name, outputs[i]])) as Outputs;
  }

  /** @internal Computes the outputs from values in the order of the graph's inputs, which are not checked. */
  evaluate(inputs: readonly Value[], report?: StepReport): Value[] {
    const key = inputs.map((x) => (x instanceof Tensor ? x.shape : x.dims).join()).join(";");
    const byShapes = this.#templateFor(key);
    const evaluation = new Evaluation(this.#values, byShapes, this.#permanent, this.training, report);
    inputs.forEach((value, i) => {
      evaluation.setInput(this.#inputSlots[i], value);
    });
    return evaluation.run(this.#plan);
  }

  #templateFor(key: string): Template {
    const template = this.#byShapes.get(key) ?? this.#values.slice();
    this.#byShapes.delete(key);
    this.#byShapes.set(key, template);
    if (this.#byShapes.size > CACHED_SHAPES) {
      const [oldest] = this.#byShapes.keys();
      this.#forget(oldest);
    }
    return template;
  }

  #forget(key: string): void {
    const template = this.#byShapes.get(key) ?? [];
    this.#byShapes.delete(key);
    template.forEach((value, slot) => {
      if (this.#values[slot] === value) return;
      if (value instanceof Tensor && this.#permanent.delete(value)) value.release();
      releaseConversion(value);
    });
  }

  /** An output as a tensor that belongs to the caller. */
  #handOut(value: Value): Tensor {
    const x = toTensor(value);
    return this.#permanent.has(x) ? x.clone() : x;
  }

  #bind(inputs: readonly unknown[]): Tensor[] {
    const expected = this.graph.inputs;
    const [first] = inputs;
    let given = inputs;
    if (inputs.length === 1 && isObject(first) && !(first instanceof Tensor)) {
      for (const name of Object.keys(first)) {
        if (!expected.some((input) => input.name === name)) {
          throw new OptionError(`OnnxModule.forward: unknown input ${JSON.stringify(name)} (${this.#inputList()})`);
        }
      }
      given = expected.map(({ name }) => first[name]);
    } else if (inputs.length !== expected.length) {
      throw new OptionError(
        `OnnxModule.forward: expected ${expected.length} inputs, got ${inputs.length} (${this.#inputList()})`,
      );
    }
    return expected.map((info, i) => checkInput(info, given[i]));
  }

  #inputList(): string {
    return `inputs: ${this.graph.inputs.map(({ name }) => JSON.stringify(name)).join(", ")}`;
  }

  /** Releases all weights, and constants of the file. */
  override release(): void {
    super.release();
    for (const key of [...this.#byShapes.keys()]) this.#forget(key);
    for (const x of this.#permanent) if (!x.released) x.release();
    this.#values.forEach(releaseConversion);
  }

  override extraRepr(): string {
    const names = (values: readonly OnnxValueInfo[]) => values.map(({ name }) => name).join(", ");
    return `${names(this.graph.inputs)} -> ${names(this.graph.outputs)}, ${this.graph.nodes.length} nodes`;
  }

  /** @internal */
  override ownParameters(): [name: string, parameter: Parameter][] {
    return [...this.#parameters, ...super.ownParameters()];
  }

  /** @internal */
  override ownBuffers(options: { persistentOnly?: boolean } = {}): [name: string, buffer: Tensor][] {
    return [...this.#weightBuffers, ...super.ownBuffers(options)];
  }
}

/** Checks an input against what the file says. */
function checkInput({ name, dtype, shape }: OnnxValueInfo, x: unknown): Tensor {
  const where = `OnnxModule.forward: input ${JSON.stringify(name)}`;
  if (!(x instanceof Tensor)) throw new OptionError(`${where} expected a tensor, got ${describe(x)}`);
  if (x.dtype !== dtype) throw new DTypeError(`${where} expected ${dtype}, got ${x.dtype}`);
  const fits =
    shape === null ||
    (shape.length === x.shape.length && shape.every((n, i) => typeof n === "string" || n === x.shape[i]));
  if (!fits) throw new ShapeError(`${where} expected shape [${shape}], got ${formatShape(x.shape)}`);
  return x;
}
