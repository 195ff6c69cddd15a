import { HostValue } from "../host_value.ts";
import { type GraphNode, OMITTED } from "./graph.ts";
import { readBy } from "./plan.ts";

/** What `replaceLists` needs of the graph around. */
export interface GraphChanges {
  /** Adds a constant and returns its slot. */
  addConstant(value: HostValue): number;
  /** A node of another operator with the name and outputs of `node`. */
  change(node: GraphNode, opType: string, inputs: readonly number[]): GraphNode;
}

/**
 * PyTorch writes `split` as a list of tensors (SplitToSequence) from which nodes take one each (SequenceAt).
 * If all sizes and places are constants, these nodes become slices. Other lists stay, and are refused later.
 */
export function replaceLists(
  nodes: readonly GraphNode[],
  outputs: readonly number[],
  changes: GraphChanges,
): readonly GraphNode[] {
  const lists = new Map(nodes.filter(isSplit).map((node) => [node.outputs[0], node]));
  if (lists.size === 0) return nodes;
  for (const slot of outputs) lists.delete(slot);
  for (const node of nodes) {
    for (const slot of readBy(node)) {
      const list = lists.get(slot);
      if (list && !rangeOf(list, node)) lists.delete(slot);
    }
  }
  return nodes.flatMap((node) => {
    if (lists.has(node.outputs[0])) return [];
    const list = lists.get(node.inputs[0] ?? OMITTED);
    const range = list && rangeOf(list, node);
    if (!list || !range) return [node];
    const bounds = range.map((x) => changes.addConstant(new HostValue([1], [x], "int64")));
    const axis = changes.addConstant(new HostValue([1], [list.attributes.int("axis", 0)], "int64"));
    return [changes.change(node, "Slice", [list.inputs[0], ...bounds, axis])];
  });
}

function isSplit(node: GraphNode): boolean {
  return node.domain === "" && node.opType === "SplitToSequence" && node.hasInput(1);
}

/**
 * Start and end of the part that a node takes from the list that `split` makes, or null if they are not
 * known.
 */
function rangeOf(split: GraphNode, node: GraphNode): [start: number, end: number] | null {
  if (node.domain !== "" || node.opType !== "SequenceAt" || node.inputs[0] !== split.outputs[0]) return null;
  const [index] = node.constantInput(1)?.data ?? [-1];
  const sizes = split.constantInput(1);
  if (sizes === undefined || !(index >= 0)) return null;
  if (sizes.dims.length === 0) return [index * sizes.data[0], (index + 1) * sizes.data[0]];
  if (index >= sizes.data.length) return null;
  const start = sizes.data.slice(0, index).reduce((sum, size) => sum + size, 0);
  return [start, start + sizes.data[index]];
}
