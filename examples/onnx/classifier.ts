/** A published ONNX model with a new last layer, for the program in Node and for the page. */
import { nn, noGrad, type Tensor, zeros } from "wasmgrad";
import { importOnnx, type ModelSource, type OnnxModule } from "wasmgrad/onnx";

export type Mode = "tuned" | "frozen" | "scratch";

/** A model without its last layer, and a new last layer. */
export class Classifier extends nn.Module {
  readonly body: OnnxModule;
  readonly head: nn.Linear;
  readonly mode: Mode;

  constructor(body: OnnxModule, features: number, classes: number, mode: Mode) {
    super();
    this.body = body;
    this.head = new nn.Linear(features, classes);
    this.mode = mode;
    if (mode === "frozen") body.requiresGrad_(false);
    if (mode === "scratch") reset(body);
  }

  /** A frozen body keeps its running statistics. */
  override train(mode = true): this {
    super.train(mode);
    if (this.mode === "frozen") this.body.eval();
    return this;
  }

  forward(images: Tensor): Tensor {
    return this.head.forward(this.body.forward(images).flatten(1));
  }
}

/** Gives all weights and running statistics the values of a new network. */
function reset(body: OnnxModule): void {
  noGrad(() => {
    for (const parameter of body.parameters()) {
      if (parameter.dim() > 1) nn.init.kaimingNormal_(parameter);
      else parameter.zero_();
    }
    const state = body.stateDict();
    for (const { opType, inputs } of body.graph.nodes) {
      if (!opType.endsWith("Normalization")) continue;
      const [, scale, , mean, variance] = inputs;
      for (const name of [scale, variance]) if (name in state) state[name].fill_(1);
      if (mean in state) state[mean].zero_();
    }
  });
}

/** What a new last layer needs to know of a file. */
export interface Plan {
  /** The name of the value that the last layer with weights multiplies. */
  features: string;
  /** Height and width of the pictures: those of the file or, if it takes any, of the argument. */
  size: readonly [height: number, width: number];
}

/** Looks at a file that classifies pictures. */
export async function planFor(source: ModelSource, side: number): Promise<Plan> {
  const model = await importOnnx(source);
  const weights = new Set(model.namedParameters().map(([name]) => name));
  const products = model.graph.nodes.filter(
    ({ opType, inputs }) => (opType === "Gemm" || opType === "MatMul") && weights.has(inputs[1]),
  );
  const [height, width] = model.graph.inputs[0].shape?.slice(-2) ?? [];
  model.release();
  const last = products.at(-1);
  if (!last) throw new Error("the model has no layer that multiplies features by weights: name the value to read");
  const fixed = typeof height === "number" && typeof width === "number";
  return { features: last.inputs[0], size: fixed ? [height, width] : [side, side] };
}

/** A classifier in place of the file's own last layer. */
export async function makeClassifier(
  source: ModelSource,
  { features, size }: Plan,
  classes: number,
  mode: Mode,
): Promise<Classifier> {
  const body = await importOnnx(source, { outputs: [features] });
  const width = noGrad(() =>
    body
      .eval()
      .forward(zeros([1, 3, ...size]))
      .numel(),
  );
  return new Classifier(body, width, classes, mode);
}
