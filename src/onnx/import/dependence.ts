import { type Graph, type GraphNode, OMITTED } from "./graph.ts";
import { When } from "./plan.ts";

/** Inputs whose values decide the shape of the output, by operator. */
const SHAPED_BY: Readonly<Record<string, readonly number[]>> = {
  AffineGrid: [1],
  CenterCropPad: [1],
  Col2Im: [1, 2],
  Compress: [0, 1],
  ConstantOfShape: [0],
  DFT: [1, 2],
  Expand: [1],
  MaxUnpool: [2],
  NonMaxSuppression: [0, 1, 2, 3, 4],
  NonZero: [0],
  OneHot: [1],
  Pad: [1, 3],
  Range: [0, 1, 2],
  Reshape: [1],
  Resize: [1, 2, 3],
  Slice: [1, 2, 3, 4],
  Split: [1],
  Squeeze: [1],
  STFT: [1, 3],
  Tile: [1],
  TopK: [1],
  Unique: [0],
  Unsqueeze: [1],
  Upsample: [1],
};

/** Operators whose results differ between two evaluations with the same inputs. */
const CHANGING = new Set([
  "BatchNormalization",
  "Bernoulli",
  "Dropout",
  "Multinomial",
  "RandomNormal",
  "RandomNormalLike",
  "RandomUniform",
  "RandomUniformLike",
]);

/** On what the value and the shape in a slot depend. */
export interface Dependence {
  readonly value: When;
  readonly shape: When;
}

const CONSTANT: Dependence = { value: When.Import, shape: When.Import };
/** A weight: training changes its value, and nothing its shape. */
export const WEIGHT: Dependence = { value: When.Data, shape: When.Import };
const INPUT: Dependence = { value: When.Data, shape: When.Shapes };

function latest(...times: When[]): When {
  return Math.max(When.Import, ...times) as When;
}

/**
 * What the value in each slot depends on.
 *
 * @param known dependences of slots that no node computes: `WEIGHT` for weights. Other constants need no
 *   entry.
 */
export function findDependences(graph: Graph, known: ReadonlyMap<number, Dependence>): (slot: number) => Dependence {
  const found = new Map(known);
  for (const slot of graph.inputs) found.set(slot, INPUT);
  const of = (slot: number) => found.get(slot) ?? CONSTANT;
  const visit = (inner: Graph) => {
    for (const node of inner.nodes) {
      for (const branch of node.graphs.values()) visit(branch);
      node.outputs.forEach((slot, i) => {
        if (slot !== OMITTED) found.set(slot, dependenceOf(node, i, of));
      });
    }
  };
  visit(graph);
  return of;
}

function dependenceOf(node: GraphNode, output: number, of: (slot: number) => Dependence): Dependence {
  const inputs = node.inputs.map((slot) => (slot === OMITTED ? CONSTANT : of(slot)));
  const { opType } = node;
  if (opType === "Shape" || opType === "Size") {
    return { value: inputs[0]?.shape ?? When.Data, shape: When.Import };
  }
  const graphs = [...node.graphs.values()];
  // every output of a node is computed when the latest one is
  const results = graphs.flatMap((graph) => graph.outputs.map(of));
  const value = latest(...inputs.map((input) => input.value), ...results.map((result) => result.value));
  if (graphs.length > 0) {
    const shapes = graphs.map((graph) => of(graph.outputs[output] ?? OMITTED).shape);
    return { value, shape: latest(...inputs.map((input) => input.value), ...shapes) };
  }
  const decisive = (SHAPED_BY[opType] ?? []).map((i) => inputs[i]?.value ?? When.Import);
  const shape = latest(...inputs.map((input) => input.shape), ...decisive);
  return { value: CHANGING.has(opType) ? When.Data : value, shape };
}
