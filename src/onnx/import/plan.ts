import { WasmgradError } from "../../errors.ts";
import type { Operator } from "../operator.ts";
import { type Graph, type GraphNode, OMITTED } from "./graph.ts";

/** On what a value depends, and so how often it is computed. */
export const When = {
  /** On the file only: it is computed once. */
  Import: 0,
  /** On the shapes of the inputs: it is computed once for each list of shapes. */
  Shapes: 1,
  /** On the inputs, weights or random numbers: it is computed in each evaluation. */
  Data: 2,
} as const;
export type When = (typeof When)[keyof typeof When];

/** A node, ready to run. */
export interface Step {
  readonly node: GraphNode;
  readonly operator: Operator;
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  /** The first output that is not omitted. */
  readonly firstOutput: number;
  /** When the node runs. */
  readonly when: When;
  /** Slots whose values nothing reads after this step. */
  readonly lastUses: readonly number[];
  readonly graphs: ReadonlyMap<string, Plan>;
}

/** Steps in the order in which they run. */
export interface Plan {
  readonly steps: readonly Step[];
  readonly outputs: readonly number[];
  /** Outputs that a step of this plan computes (others are constants or values of the graph around it). */
  readonly ownOutputs: readonly number[];
}

/**
 * Plans a graph. Nodes that no output needs are left out.
 *
 * @param whenOf when the value of a slot is computed
 */
export function planGraph(graph: Graph, whenOf: (slot: number) => When): Plan {
  const needed = new Set(graph.outputs);
  const kept: { node: GraphNode; lastUses: number[] }[] = [];
  const ownSlots = new Set(graph.nodes.flatMap((node) => node.outputs));
  for (const node of [...graph.nodes].reverse()) {
    if (!node.outputs.some((slot) => needed.has(slot))) continue;
    const lastUses: number[] = [];
    for (const slot of readBy(node)) {
      if (needed.has(slot)) continue;
      needed.add(slot);
      // values of other graphs and shared values live on
      if (ownSlots.has(slot) && whenOf(slot) === When.Data) lastUses.push(slot);
    }
    for (const slot of node.outputs) if (slot !== OMITTED && !needed.has(slot)) lastUses.push(slot);
    kept.push({ node, lastUses });
  }
  return {
    steps: kept.reverse().map(({ node, lastUses }) => stepOf(node, lastUses, whenOf)),
    outputs: graph.outputs,
    ownOutputs: graph.outputs.filter((slot) => ownSlots.has(slot)),
  };
}

function stepOf(node: GraphNode, lastUses: readonly number[], whenOf: (slot: number) => When): Step {
  if (!node.operator) throw new WasmgradError(`importOnnx: ${node.opType} has no operator`);
  const { operator, inputs, outputs } = node;
  const firstOutput = outputs.find((slot) => slot !== OMITTED) ?? OMITTED;
  const graphs = new Map([...node.graphs].map(([name, graph]) => [name, planGraph(graph, whenOf)]));
  return { node, operator, inputs, outputs, firstOutput, when: whenOf(firstOutput), lastUses, graphs };
}

/** The slots that a node reads, also in its graphs. */
export function readBy(node: GraphNode): Set<number> {
  const read = new Set(node.inputs.filter((slot) => slot !== OMITTED));
  for (const graph of node.graphs.values()) {
    for (const inner of graph.nodes) for (const slot of readBy(inner)) read.add(slot);
    for (const slot of graph.outputs) read.add(slot);
  }
  return read;
}
