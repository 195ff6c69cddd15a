/** Compares an imported model with what PyTorch computed: see scripts/onnx/compare_torch.py. */
import { readFileSync } from "node:fs";
import { noGrad, scope, type Tensor } from "wasmgrad";
import { loadSafetensors } from "wasmgrad/io";
import { importOnnx } from "wasmgrad/onnx";

/** Relative errors: the norm of the difference by the norm of PyTorch's float64. */
export interface Comparison {
  nodes: number;
  /** Names of PyTorch's parameters, and how many of them are parameters here. */
  names: number;
  found: number;
  output: number;
  /**
   * Number of gradients in evaluation mode that were compared: of found parameters that have PyTorch's value.
   */
  compared: number;
  evaluation: number;
  /** Null without gradients in training mode. */
  training: number | null;
  /** The parameters with the largest errors. */
  worst: string[];
}

/** Errors of PyTorch's float32 against its float64, as compare_torch.py measures them. */
export interface TorchErrors {
  output: number;
  eval: number;
  train?: number;
}

/** What a file of compare_torch.py says of PyTorch's own errors. */
export function torchErrorsOf(path: string): TorchErrors {
  return JSON.parse(loadSafetensors(path).metadata.errors);
}

/** An error for a table: empty if there is none. */
export const errorText = (x: number | null | undefined) => (x === null || x === undefined ? "" : x.toExponential(1));

export function relativeError(ours: ArrayLike<number>, theirs: ArrayLike<number>): number {
  if (ours.length !== theirs.length) return Number.POSITIVE_INFINITY;
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < theirs.length; i++) {
    difference += (ours[i] - theirs[i]) ** 2;
    norm += theirs[i] ** 2;
  }
  return Math.sqrt(difference / Math.max(norm, 1e-60));
}

/** Tensors under a prefix, without it. */
function under(tensors: Readonly<Record<string, Tensor>>, prefix: string): Map<string, Tensor> {
  const entries = Object.entries(tensors).filter(([name]) => name.startsWith(prefix));
  return new Map(entries.map(([name, x]) => [name.slice(prefix.length), x]));
}

/** Runs a file in both modes. `expected` is the path of the file with PyTorch's tensors. */
export async function compareWithTorch(path: string, expected: string): Promise<Comparison> {
  const { tensors } = loadSafetensors(expected);
  const model = await importOnnx(readFileSync(path));
  const { r, y } = tensors;
  const inputs = Object.keys(tensors).filter((name) => /^x\d*$/.test(name));
  const x = inputs.sort().map((name) => tensors[name]);
  model.eval();
  const output = scope(() => noGrad(() => relativeError(model.forward(...x).data(), y.data())));
  const own = new Map(model.namedParameters());
  const values = under(tensors, "value.");
  const same = (name: string) => {
    const [p, value] = [own.get(name), values.get(name)];
    return p?.shape.join() === value?.shape.join();
  };
  const found = [...values.keys()].filter(same);
  const comparable = new Set(
    found.filter((name) => relativeError((own.get(name) as Tensor).data(), (values.get(name) as Tensor).data()) < 1e-6),
  );
  const errors = new Map<string, number>();
  const compareGradients = (mode: string, theirs: Map<string, Tensor>): number => {
    let largest = 0;
    model.zeroGrad();
    scope(() =>
      model
        .forward(...x)
        .mul(r)
        .mean()
        .backward(),
    );
    for (const [name, gradient] of theirs) {
      if (!comparable.has(name)) continue;
      const error = relativeError(own.get(name)?.grad?.data() ?? [], gradient.data());
      errors.set(`${mode} ${name}`, error);
      largest = Math.max(largest, error);
    }
    return largest;
  };
  const evaluationGradients = under(tensors, "eval.");
  const evaluation = compareGradients("evaluation", evaluationGradients);
  const trainingGradients = under(tensors, "train.");
  // a file with folded norms has no training mode
  const trains = trainingGradients.size > 0 && comparable.size === values.size;
  model.train();
  const training = trains ? compareGradients("training", trainingGradients) : null;
  const worst = [...errors].sort((a, b) => b[1] - a[1]).slice(0, 3);
  const result = {
    nodes: model.graph.nodes.length,
    names: values.size,
    found: found.length,
    output,
    compared: [...evaluationGradients.keys()].filter((name) => comparable.has(name)).length,
    evaluation,
    training,
    worst: worst.map(([name, error]) => `${name} ${error.toExponential(1)}`),
  };
  model.release();
  for (const tensor of Object.values(tensors)) tensor.release();
  return result;
}
