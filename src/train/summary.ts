import { noGrad } from "../autograd/grad_mode.ts";
import { OptionError, ShapeError } from "../errors.ts";
import { inMode } from "../nn/internal/mode.ts";
import { isStepped, type ModuleStep } from "../nn/internal/steps.ts";
import { MultiheadAttention } from "../nn/layers/attention.ts";
import { Conv2d, ConvTranspose2d } from "../nn/layers/conv.ts";
import { Linear } from "../nn/layers/linear.ts";
import { checkOutput, type Module } from "../nn/module.ts";
import type { Parameter } from "../nn/parameter.ts";
import { checkShape, sizeOf } from "../ops/core/array.ts";
import { zeros } from "../tensor/fill.ts";
import { scope } from "../tensor/lifetime/scoped.ts";
import { Tensor } from "../tensor/tensor.ts";

/** One layer of a summary: a module without child modules, or a node of an imported ONNX graph. */
export interface LayerSummary {
  /** The layer's path, such as "encoder.0". */
  name: string;
  /** The layer's class, such as "Conv2d". */
  kind: string;
  outputShape: readonly number[];
  parameters: number;
  /**
   * Number of operations of one forward pass. A multiplication with an addition counts as two; any other
   * operation counts as one per element.
   */
  flops: number;
}

/** The result of `summary`. Converted to a string, it is a table. */
export class Summary {
  readonly layers: readonly LayerSummary[];
  readonly inputShape: readonly number[];

  constructor(layers: readonly LayerSummary[], inputShape: readonly number[]) {
    this.layers = layers;
    this.inputShape = inputShape;
  }

  get parameters(): number {
    return this.layers.reduce((sum, layer) => sum + layer.parameters, 0);
  }

  get flops(): number {
    return this.layers.reduce((sum, layer) => sum + layer.flops, 0);
  }

  toString(): string {
    const number = (value: number) => value.toLocaleString("en-US");
    const rows = [
      ["layer", "kind", "output", "parameters", "FLOPs"],
      ...this.layers.map((layer) => [
        layer.name,
        layer.kind,
        `[${layer.outputShape.join(", ")}]`,
        number(layer.parameters),
        number(layer.flops),
      ]),
      ["total", "", "", number(this.parameters), number(this.flops)],
    ];
    const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
    const line = (row: string[]) =>
      row
        .map((cell, i) => (i < 3 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])))
        .join("  ")
        .trimEnd();
    return rows.map(line).join("\n");
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
}

/**
 * Runs the model once on zeros and lists its layers in the order of execution: output shape, parameters,
 * operations. If a layer runs twice, its operations count twice and its parameters once. The model is not
 * changed.
 *
 * @param inputShape including the batch: [1, 3, 32, 32]
 * @throws ShapeError for a shape that the model does not accept.
 * @example
 * ```ts
 * import { nn } from "wasmgrad";
 * import { summary } from "wasmgrad/train";
 * const table = summary(new nn.Sequential(new nn.Linear(4, 8), new nn.ReLU()), [1, 4]);
 * console.log(table.parameters, table.flops); // 40 80
 * console.log(String(table));
 * ```
 */
export function summary(model: Module, inputShape: readonly number[]): Summary {
  checkShape("summary", inputShape);
  if (sizeOf(inputShape) === 0) throw new ShapeError(`summary: expected a batch, got [${inputShape}]`);
  const leaves = model
    .namedModules()
    .filter(([, module]) => module.children().length === 0 || module instanceof MultiheadAttention);
  const layers: LayerSummary[] = [];
  const counted = new Set<Parameter>();
  const rowOf = (path: string, { name, kind, output, parameters, flops }: ModuleStep): LayerSummary => {
    const fresh = parameters.filter((parameter) => !counted.has(parameter));
    for (const parameter of fresh) counted.add(parameter);
    const size = fresh.reduce((sum, parameter) => sum + parameter.numel(), 0);
    return {
      name: path === "" ? name : `${path}.${name}`,
      kind,
      outputShape: [...output.shape],
      parameters: size,
      flops,
    };
  };
  const seen = new Set<Module>();
  let inside: Module | null = null;
  for (const [name, module] of leaves) {
    if (isStepped(module)) {
      module.forward = (...inputs: unknown[]) =>
        module.forwardInSteps((step) => layers.push(rowOf(name, step)), ...inputs);
      continue;
    }
    const forward = module.forward.bind(module);
    // an own property hides the method of the class until the property is deleted
    module.forward = (...inputs: unknown[]) => {
      const outermost = inside === null;
      if (outermost) inside = module;
      const output = forward(...inputs);
      if (outermost) inside = null;
      const y = Array.isArray(output) ? output[0] : output;
      if (outermost && y instanceof Tensor) {
        const parameters = seen.has(module) ? 0 : module.parameters().reduce((sum, p) => sum + p.numel(), 0);
        seen.add(module);
        const x = inputs[0] as Tensor;
        const flops = flopsOf(module, x, y);
        layers.push({ name, kind: module.constructor.name, outputShape: [...y.shape], parameters, flops });
      }
      return output;
    };
  }
  const dtype = isStepped(model) ? model.firstInputDType : "float32";
  try {
    inMode(model, false, () =>
      scope(() => noGrad(() => checkOutput("summary", model, model.forward(zeros(inputShape, { dtype }))))),
    );
  } finally {
    for (const [, module] of leaves) delete (module as { forward?: unknown }).forward;
  }
  if (layers.length === 0) throw new OptionError("summary: no layer ran");
  return new Summary(layers, inputShape);
}

function flopsOf(module: Module, x: Tensor, y: Tensor): number {
  const bias = (module as { bias?: Tensor | null }).bias ? y.numel() : 0;
  if (module instanceof Conv2d) return 2 * y.numel() * (module.weight.numel() / module.outChannels) + bias;
  if (module instanceof ConvTranspose2d) return 2 * x.numel() * (module.weight.numel() / module.inChannels) + bias;
  if (module instanceof Linear) return 2 * y.numel() * module.inFeatures + bias;
  if (module instanceof MultiheadAttention) {
    const length = x.shape[module.batchFirst && x.dim() === 3 ? 1 : 0];
    // four projections, then the scores and the weighted sums of values
    return x.numel() * (8 * module.embedDim + 4 * length);
  }
  return y.numel();
}
